//! Ways to make one answer of what the windows of a text say.

/// What a head says of a window, or the window's mean vector, and for how many tokens of the text it answers.
pub(super) struct Said {
    pub(super) values: Vec<f32>,
    pub(super) weight: f32,
}

/// A rule, by its name in the table.
pub(super) type Rule = (&'static str, fn(&[Said]) -> Vec<f32>);

/// For logits.
pub(super) const LOGITS: [Rule; 6] = [
    ("first window", first),
    ("mean of logits", |said| mean(said, |_| 1.0)),
    ("mean of logits by tokens", |said| {
        mean(said, |one| one.weight)
    }),
    ("mean of softmax by tokens", of_softmax),
    ("mean of sigmoid by tokens", of_sigmoid),
    ("maximum of logits", maximum),
];

/// For mean vectors.
pub(super) const VECTORS: [Rule; 5] = [
    ("first window", first),
    ("mean", |said| mean(said, |_| 1.0)),
    ("mean by tokens", |said| mean(said, |one| one.weight)),
    ("mean of unit vectors by tokens", |said| {
        mean(said, |one| one.weight / norm(&one.values))
    }),
    ("maximum", maximum),
];

fn first(said: &[Said]) -> Vec<f32> {
    said[0].values.clone()
}

fn mean(said: &[Said], weight: impl Fn(&Said) -> f32) -> Vec<f32> {
    let whole: f32 = said.iter().map(&weight).sum();
    let mut sum = vec![0.0; said[0].values.len()];
    for one in said {
        let share = weight(one) / whole;
        sum.iter_mut()
            .zip(&one.values)
            .for_each(|(sum, x)| *sum += share * x);
    }
    sum
}

/// Logits whose softmax is the mean of the windows'.
fn of_softmax(said: &[Said]) -> Vec<f32> {
    let said: Vec<Said> = said
        .iter()
        .map(|one| Said {
            values: graftlet::engine::softmax(&one.values),
            weight: one.weight,
        })
        .collect();
    let scores = mean(&said, |one| one.weight);
    scores.iter().map(|score| score.max(1e-30).ln()).collect()
}

/// Logits whose sigmoids are the means of the windows'.
fn of_sigmoid(said: &[Said]) -> Vec<f32> {
    let said: Vec<Said> = said
        .iter()
        .map(|one| Said {
            values: one
                .values
                .iter()
                .map(|x| graftlet::head::sigmoid(*x))
                .collect(),
            weight: one.weight,
        })
        .collect();
    let scores = mean(&said, |one| one.weight);
    let logit = |score: &f32| {
        let score = score.clamp(1e-7, 1.0 - 1e-6);
        (score / (1.0 - score)).ln()
    };
    scores.iter().map(logit).collect()
}

fn maximum(said: &[Said]) -> Vec<f32> {
    let mut most = said[0].values.clone();
    for one in said {
        most.iter_mut()
            .zip(&one.values)
            .for_each(|(most, x)| *most = most.max(*x));
    }
    most
}

pub(super) fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum::<f32>().sqrt()
}
