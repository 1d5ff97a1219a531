//! PyTorch's gradients and loss curve.

use std::collections::BTreeSet;

use graftlet::adapter::{Adapter, GivenParams, Parameter, Site};
use graftlet::engine::Engine;
use graftlet::folder::{Library, TaskAdapter};
use graftlet::head::{Head, HeadConfig};
use graftlet::input::Batch;
use graftlet::input::text::Text;
use graftlet::model::Backbone;
use graftlet::ops::cross_entropy;
use graftlet::tensor_file::TensorFile;
use graftlet::train::AdamW;

use super::differences::double;
use super::{reference, support};

// ---- PyTorch

#[derive(serde::Deserialize)]
struct Expected {
    texts: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Golden {
    labels: Vec<usize>,
    loss: f64,
    losses: Vec<f64>,
}

/// The golden PEFT adapter with its tensors as variables, and its eight texts as one batch.
struct Trainable {
    loaded: TaskAdapter,
    head: HeadConfig,
    parameters: Vec<Parameter>,
    keys: Vec<String>,
    batch: Batch,
}

impl Trainable {
    fn new(engine: &Engine) -> Self {
        let files = support::folder(&support::fixture("goldens/peft_lora_r8_qv"));
        let shape = engine.backbone().shape();
        let loaded: TaskAdapter = graftlet::folder::load("golden", &files, shape).unwrap();
        let loaded_head = loaded.head.as_ref().unwrap();
        let config = loaded.adapter.config();
        let source = [loaded.adapter.parameters(), loaded_head.parameters()].concat();
        let variable = |parameter: &Parameter| Parameter {
            name: parameter.name,
            tensor: parameter.tensor.tracked(),
        };
        let key = |parameter: &Parameter| match parameter.name.site {
            Site::Head => {
                let part = parameter.name.field.strip_prefix("out.").unwrap();
                format!("base_model.model.classifier.{part}")
            }
            _ => {
                let key = config.key(Library::Peft, &shape.anatomy, parameter.name, "default");
                format!("base_model.model.bert.{key}")
            }
        };
        let keys = source.iter().map(key).collect();
        let expected: Expected = serde_json::from_slice(&files["expected.json"]).unwrap();
        let texts: Vec<Text> = expected
            .texts
            .iter()
            .map(|text| text.as_str().into())
            .collect();
        let batch = Batch::new(&engine.tokenizer().unwrap().encode_all(&texts).unwrap());
        Self {
            head: loaded_head.config().clone(),
            parameters: source.iter().map(variable).collect(),
            loaded,
            keys,
            batch,
        }
    }

    /// Mean cross-entropy and its gradients in the parameters' order.
    fn gradients(&self, backbone: &dyn Backbone, labels: &[usize]) -> (f64, Vec<Vec<f32>>) {
        let mut params = GivenParams(&self.parameters);
        let config = self.loaded.adapter.config();
        let adapter: Box<dyn Adapter> = config.build(backbone.shape(), &mut params).unwrap();
        let head = Head::build(self.head.clone(), backbone.shape(), &mut params).unwrap();
        let states = backbone.forward(&self.batch, &*adapter).unwrap();
        let loss = cross_entropy(&head.logits(backbone, &*adapter, &states), labels);
        let value = f64::from(loss.data()[0]);
        let store = loss.backward();
        let gradient = |p: &Parameter| store.get(&p.tensor).unwrap().to_vec();
        (value, self.parameters.iter().map(gradient).collect())
    }
}

fn golden() -> Golden {
    let json = std::fs::read(support::fixture("peft_lora_gradients.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn gradients_and_loss_curve_are_pytorchs() {
    let Some(engine) = support::engine_f32() else {
        return;
    };
    let bytes = std::fs::read(support::fixture("peft_lora_gradients.safetensors")).unwrap();
    let file = TensorFile::parse("peft_lora_gradients", &bytes).unwrap();
    let golden = golden();
    let mut trainable = Trainable::new(&engine);
    let backbone = &**engine.backbone();

    let (loss, gradients) = trainable.gradients(backbone, &golden.labels);
    assert!(
        (loss - golden.loss).abs() < 1e-6,
        "loss {loss}, PyTorch's {}",
        golden.loss
    );
    let mut compared = BTreeSet::new();
    let mut largest = 0f32;
    let parameters = trainable.keys.iter().zip(&trainable.parameters);
    for ((key, parameter), gradient) in parameters.zip(&gradients) {
        if file.contains(key) {
            let expected = file.floats(key, parameter.tensor.shape()).unwrap();
            largest = largest.max(support::assert_close(gradient, &expected, 1e-6, key));
            compared.insert(key.as_str());
        }
    }
    assert_eq!(
        compared,
        file.names().collect(),
        "every tensor of the golden was compared"
    );

    let mut optimizer = AdamW::new(&trainable.parameters, 0.01, 1.0);
    let mut curve_off = 0f64;
    for (step, expected) in golden.losses.iter().enumerate() {
        let (loss, gradients) = trainable.gradients(backbone, &golden.labels);
        let difference = (loss - expected).abs();
        assert!(
            difference < 1e-4,
            "step {step}: loss {loss}, PyTorch's {expected}"
        );
        curve_off = curve_off.max(difference);
        optimizer.step(&mut trainable.parameters, &gradients.concat(), 1e-3);
    }
    println!("PyTorch: gradients within {largest:.1e}, losses of ten steps within {curve_off:.1e}");
}

#[test]
fn int8_gradients_point_where_f32_gradients_point() {
    let (Some(f32), Some(int8)) = (support::engine_f32(), support::engine_int8()) else {
        return;
    };
    let labels = golden().labels;
    let gradients = |engine: &Engine| {
        Trainable::new(engine)
            .gradients(&**engine.backbone(), &labels)
            .1
    };
    let (a, b) = (gradients(&f32), gradients(&int8));
    let cosine = |a: &[f32], b: &[f32]| {
        let (a, b) = (double(a), double(b));
        let norms = reference::dot(&a, &a) * reference::dot(&b, &b);
        reference::dot(&a, &b) / norms.sqrt()
    };
    let each = a.iter().zip(&b).map(|(a, b)| cosine(a, b));
    let least = each.fold(f64::INFINITY, f64::min);
    let whole = cosine(&a.concat(), &b.concat());
    println!(
        "int8 against f32 gradients, cosine: {whole:.5} over all, {least:.5} of a tensor at least"
    );
    assert!(whole > 0.99, "over all {whole}");
    assert!(least > 0.97, "a tensor {least}");
}
