"""Measures listening: words in noise and babble, false alarms in an hour of background, and the time it takes.

    python tests/python/listening.py --data fsdd/recordings --backbone models/whisper-tiny-en --graftlet target/release/graftlet --out DIR

The data is the Free Spoken Digit Dataset (six speakers, ten words, fifteen takes each, 8 kHz). For each speaker an adapter
learns the words "zero" to "six" from takes 0 to 4, and a recording of the background. What it is measured on is made of other
takes and of the three speakers that are not in that recording; their noise has another seed. "nine" is in no background that
is learnt from.

The recording of the background, two minutes (A and B are the two speakers after this one in the alphabet):
30 s one voice, 30 s five voices at once, both of A's and B's words played backwards; 15 s noise with the spectrum of speech, 15 s
pink noise; 15 s "seven" and "eight" of A and B; 15 s the same words of the speaker, takes 0 to 4.

Words: takes 5 to 14 in random order, 0.5 to 1.75 s apart, in one of four sorts of background that change with each word: pink noise,
noise with the spectrum of speech, five voices, one voice, the voices backwards and of the other three speakers. A word is found if its
label is detected after it begins and at most 400 ms after it ends.

Background: ten minutes a speaker, a quarter of each sort, in which every detection is a false alarm. Unknown words: takes 5 to 14 of
"seven", "eight" and "nine" of the speaker, and as many of the other three speakers, 0.3 to 0.8 s apart.
"""

import argparse
import json
import os
import resource
import subprocess
import wave

import numpy as np

RATE = 8_000
SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
COMMANDS = range(7)
LEARNT = range(5)
OTHERS = range(5, 15)
LATE = 0.4


def read(path):
    with wave.open(path) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def write(path, samples):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        whole = np.clip(np.round(samples * 32768), -32768, 32767)
        file.writeframes(whole.astype("<i2").tobytes())


def level(samples, to=0.1):
    return samples * (to / max(np.sqrt(np.mean(samples**2)), 1e-9))


def voice(rng, takes, count, backwards=True, gap=(0.0, 0.15)):
    """One take after the other."""
    parts, length = [], 0
    while length < count:
        take = level(takes[rng.integers(len(takes))])
        silence = np.zeros(int(RATE * rng.uniform(*gap)))
        parts += [take[::-1] if backwards else take, silence]
        length += len(take) + len(silence)
    return np.concatenate(parts)[:count]


def babble(rng, takes, count):
    return level(sum(voice(rng, takes, count) for _ in range(5)))


def coloured(rng, count, height):
    turned = height * np.exp(2j * np.pi * rng.random(len(height)))
    return level(np.fft.irfft(turned, count))


def shaped(rng, takes, count):
    height = np.abs(np.fft.rfft(voice(rng, takes, count)))
    width = max(1, len(height) // 80)
    return coloured(rng, count, np.convolve(height, np.ones(width) / width, "same"))


def pink(rng, _, count):
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    return coloured(rng, count, 1 / np.sqrt(np.maximum(frequency, 20)))


SORTS = {"pink noise": pink, "speech noise": shaped, "five voices": babble, "one voice": voice}


class Speaker:
    """What is made of one speaker's recordings, and of the others'."""

    def __init__(self, data, name, seed):
        self.data, self.name, self.seed = data, name, seed
        at = SPEAKERS.index(name)
        around = SPEAKERS[at + 1 :] + SPEAKERS[:at]
        self.known, self.unknown = around[:2], around[2:]

    def takes(self, speakers, words=range(10), takes=range(15)):
        paths = [f"{self.data}/{word}_{own}_{take}.wav" for word in words for own in speakers for take in takes]
        return [read(path) for path in paths]

    def learn_from(self, folder):
        rng = np.random.default_rng([self.seed, 1])
        others, second = self.takes(self.known), RATE
        parts = [
            voice(rng, others, 30 * second, True, (0.1, 0.6)),
            babble(rng, others, 30 * second),
            shaped(rng, others, 15 * second),
            pink(rng, others, 15 * second),
            voice(rng, self.takes(self.known, (7, 8)), 15 * second, False, (0.2, 0.6)),
            voice(rng, self.takes([self.name], (7, 8), LEARNT), 15 * second, False, (0.2, 0.6)),
        ]
        write(f"{folder}/background/1.wav", np.concatenate(parts))
        for word in COMMANDS:
            for take in LEARNT:
                own = read(f"{self.data}/{word}_{self.name}_{take}.wav")
                write(f"{folder}/{WORDS[word]}/{take}.wav", own)

    def words(self, path, decibels):
        """A stream of words, and for each its label, begin, end, and the sort of background."""
        rng = np.random.default_rng([self.seed, 2])
        order = [(word, take) for word in COMMANDS for take in OTHERS]
        rng.shuffle(order)
        others, truth, parts, before = self.takes(self.unknown), [], [], 0
        for index, (word, take) in enumerate(order):
            own = level(read(f"{self.data}/{word}_{self.name}_{take}.wav"))
            sort = list(SORTS)[index % len(SORTS)]
            count = len(own) + int(RATE * rng.uniform(1.0, 2.0))
            stream = SORTS[sort](rng, others, count) * 10 ** (-decibels / 20)
            at = int(rng.integers(RATE // 4, count - len(own) - RATE // 4))
            stream[at : at + len(own)] += own
            truth.append((WORDS[word], (before + at) / RATE, (before + at + len(own)) / RATE, sort))
            parts.append(stream)
            before += count
        write(path, np.concatenate(parts))
        return truth

    def background(self, path, seconds):
        """Seconds of each sort."""
        rng = np.random.default_rng([self.seed, 3])
        others = self.takes(self.unknown)
        parts = [make(rng, others, seconds * RATE) for make in SORTS.values()]
        write(path, np.concatenate(parts))

    def unknown_words(self, path):
        """Words that are none of the labels, their number, and where each begins and which it is."""
        rng = np.random.default_rng([self.seed, 4])
        own = [(word, self.name, take) for word in (7, 8, 9) for take in OTHERS]
        others = [(word, name, take) for word in (7, 8, 9) for name in self.unknown for take in OTHERS]
        rng.shuffle(others)
        clips = own + others[: len(own)]
        rng.shuffle(clips)
        parts, truth, before = [], [], 0
        for word, name, take in clips:
            take = level(read(f"{self.data}/{word}_{name}_{take}.wav"))
            silence = np.zeros(int(RATE * rng.uniform(0.3, 0.8)))
            truth.append((before / RATE, WORDS[int(word)], name == self.name))
            parts += [take, silence]
            before += len(take) + len(silence)
        write(path, np.concatenate(parts))
        return truth


def run(command, **environment):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def listen(options, adapter, path):
    """Detections, and seconds of one core for each second."""
    command = [options.graftlet, "listen", "--backbone", options.backbone, "--adapter", adapter, "--json", "--scores", path]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = run(command, RAYON_NUM_THREADS="1").splitlines()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(f"{path}.jsonl", "w") as file:
        file.write("\n".join(lines))
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = [json.loads(line) for line in lines]
    return [line for line in lines if "label" in line], used / max(lines[-1]["at"], 1)


def judge(found, truth):
    """Words found of each sort, how many there were, other detections, and how late the words were found."""
    used, right, late = set(), {}, []
    for label, start, end, sort in truth:
        own = right.setdefault(sort, [0, 0])
        own[1] += 1
        for index, one in enumerate(found):
            if index not in used and one["label"] == label and start <= one["at"] <= end + LATE:
                used.add(index)
                own[0] += 1
                late.append(one["at"] - end)
                break
    return right, len(found) - len(used), late


def measure(options, name):
    speaker = Speaker(options.data, name, options.seed)
    folder = f"{options.out}/{name}"
    speaker.learn_from(f"{folder}/rows")
    adapter = f"{folder}/{options.kind}"
    if not os.path.isdir(adapter):
        command = [options.graftlet, "train", "--backbone", options.backbone, "--data", f"{folder}/rows", "--out", adapter]
        command += ["--kind", options.kind, "--background", "background", "--seed", str(options.seed)]
        run(command + (["--config", options.config] if options.config else []))
    result, times = {"speaker": name, "kind": options.kind, "words": {}}, []
    for decibels in options.decibels:
        truth = speaker.words(f"{folder}/words{decibels}.wav", decibels)
        with open(f"{folder}/words{decibels}.json", "w") as file:
            json.dump(truth, file)
        found, time = listen(options, adapter, f"{folder}/words{decibels}.wav")
        right, other, late = judge(found, truth)
        times.append(time)
        result["words"][decibels] = {"right": right, "other": other, "late": round(float(np.median(late)), 2)}
    speaker.background(f"{folder}/background.wav", options.seconds)
    found, time = listen(options, adapter, f"{folder}/background.wav")
    sorts = list(SORTS)
    result["false alarms"] = [sorts[min(int(one["at"] // options.seconds), 3)] for one in found]
    times.append(time)
    truth = speaker.unknown_words(f"{folder}/unknown.wav")
    with open(f"{folder}/unknown.json", "w") as file:
        json.dump(truth, file)
    found, time = listen(options, adapter, f"{folder}/unknown.wav")
    said = [[one for one in truth if one[0] <= own["at"]][-1] for own in found]
    result["unknown"] = {"words": len(truth), "detected": [(word, "own" if own else "other") for _, word, own in said]}
    result["time"] = round(max(times), 3)
    print(json.dumps(result), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "backbone", "graftlet", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--kind", default="lora")
    parser.add_argument("--config", help="settings of the run, as graftlet train takes them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--decibels", type=int, nargs="+", default=[20, 10])
    parser.add_argument("--seconds", type=int, default=150, help="of each sort of background, for each speaker")
    parser.add_argument("--speakers", nargs="+", default=SPEAKERS)
    options = parser.parse_args()
    for name in options.speakers:
        measure(options, name)


if __name__ == "__main__":
    main()
