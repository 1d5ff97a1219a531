"""Adapters of PEFT on the tiny models: the folders as PEFT saves them, and what PEFT computes with them."""

import shutil
from importlib.metadata import version
from pathlib import Path

import torch
from peft import IA3Config, LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model

from families_models import inputs, load, noise, seed
from families_tokenizers import PROMPT

TASKS = {
    "SEQ_CLS": "ForSequenceClassification",
    "TOKEN_CLS": "ForTokenClassification",
    "FEATURE_EXTRACTION": "Model",
}


def lora(task="SEQ_CLS", **settings):
    return LoraConfig(task_type=task, lora_dropout=0.0, **({"r": 4, "lora_alpha": 6} | settings))


def virtual(kind, family, task="SEQ_CLS", **settings):
    """PEFT guesses these sizes from the configuration's names, which some families lack, and not ELECTRA's smaller embeddings."""
    if family.classes == "DistilBert" or kind is PromptTuningConfig:
        whole = family.sizes.get("hidden_size") or family.sizes["dim"]
        size = family.embedding_size if kind is PromptTuningConfig else whole
        heads = family.sizes.get("num_attention_heads") or family.sizes["n_heads"]
        settings = {"token_dim": size, "num_attention_heads": heads} | settings
    return kind(task_type=task, num_virtual_tokens=PROMPT, **settings)


def cases(family):
    """PEFT's settings by the name of the case; where a default exists, PEFT's own is taken."""
    qv = list(family.query_value)
    targets, feedforward = map(list, family.ia3)
    whole = {"exclude_modules": ["pre_classifier"]} if family.classes == "DistilBert" else {}
    head = ["head"] if family.classes == "ModernBert" else ["classifier"]
    found = {
        "lora_default": lambda: lora(),
        "lora_query_value": lambda: lora(target_modules=qv, modules_to_save=head, r=2, use_rslora=True),
        "lora_all_linear": lambda: lora(target_modules="all-linear", **whole),
        "lora_bias_all": lambda: lora(target_modules=qv, bias="all", modules_to_save=head),
        "ia3_default": lambda: IA3Config(task_type="SEQ_CLS"),
        "ia3": lambda: IA3Config(task_type="SEQ_CLS", target_modules=targets, feedforward_modules=feedforward),
        "prompt_default_sizes": lambda: PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=PROMPT),
        # a bare ModernBERT brings no head of its own, which PEFT would leave random
        "prompt": lambda: virtual(PromptTuningConfig, family, **({"modules_to_save": head} if family.part else {})),
        "prefix": lambda: virtual(PrefixTuningConfig, family),
        "tokens": lambda: lora("TOKEN_CLS", target_modules=qv, modules_to_save=list(head)),
        "features": lambda: lora("FEATURE_EXTRACTION", target_modules="all-linear"),
    }
    if not family.part:
        return found
    kept = ("lora_query_value", "lora_bias_all", "prompt", "tokens")
    return {name: found[name] for name in kept}


def prefix_cases(family):
    """Prefixes need a version of transformers whose encoders still take keys and values."""
    return {
        "prefix": lambda: virtual(PrefixTuningConfig, family),
        "prefix_tokens": lambda: virtual(PrefixTuningConfig, family, "TOKEN_CLS"),
        "prefix_features": lambda: virtual(PrefixTuningConfig, family, "FEATURE_EXTRACTION"),
    }


def answer(family, task, model, texts, precision=torch.float64):
    """Logits or states of every text; `texts` holds ids and types."""
    model.to(precision)
    found = []
    for ids, types in texts:
        with torch.no_grad():
            output = model(**inputs(family, ids, types))
        found.append((output.last_hidden_state if task == "FEATURE_EXTRACTION" else output.logits)[0].double())
    model.float()
    return found


def far(one, other):
    return max((a - b).abs().max().item() for a, b in zip(one, other, strict=True))


def make(family, out, texts, short, which=cases):
    """Saves every case and loads it into a fresh model; what PEFT refuses is recorded.

    Returns the record, and tensors for what is too large for it.
    """
    record = {"made_with": {name: version(name) for name in ("peft", "torch", "transformers")}, "cases": {}, "refused": {}}
    tensors = {}
    for name, config in which(family).items():
        seed(family.name, "peft", name)
        folder = Path(family.name) / out / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            config = config()
            task = config.task_type
            used = short if config.is_prompt_learning else texts
            model = get_peft_model(load(family, TASKS[task]), config).eval()
            for key, parameter in model.named_parameters():
                if parameter.requires_grad:
                    deviation = 0.5 if "prompt" in key else 0.15 if "lora_" in key else 0.25
                    noise(parameter, deviation, 1.0 if "ia3_l" in key or "norm.weight" in key else 0.0)
            first = answer(family, task, model, used)
            model.save_pretrained(str(folder))
            read = PeftModel.from_pretrained(load(family, TASKS[task]), str(folder)).eval()
        except (ValueError, TypeError, RuntimeError, IndexError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            record["refused"][name] = f"{type(error).__name__}: {str(error).strip()[:200]}"
            continue
        (folder / "README.md").unlink()
        again = answer(family, task, read, used)
        single = answer(family, task, read, used, torch.float32)
        base = answer(family, task, load(family, TASKS[task]), used) if task == "FEATURE_EXTRACTION" else None
        assert far(first, again) < 1e-9, f"{family.name}/{name}: PEFT does not read what it has saved: {far(first, again)}"
        assert base is None or far(base, again) > 0.1
        case = {"task": task, "ids": f"ids_before_{PROMPT}" if config.is_prompt_learning else "ids"}
        case["f32_difference"] = float(f"{far(again, single):.1e}")
        if task == "SEQ_CLS":
            case["logits"] = [[float(f"{x:.9g}") for x in row.tolist()] for row in again]
            assert torch.stack(again).std(0).min() > 0.02, f"{family.name}/{name}: the texts are all alike"
        else:
            tensors |= {f"{name}.{index}": row.float().contiguous() for index, row in enumerate(again)}
        record["cases"][name] = case
        print(f"{family.name}/{name}: f32 {case['f32_difference']:.0e}", flush=True)
    return record, tensors
