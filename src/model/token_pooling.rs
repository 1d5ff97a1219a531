use serde::{Deserialize, Serialize};

/// How the hidden states of a text's tokens become one vector, under sentence-transformers' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenPooling {
    /// The first token's.
    Cls,
    /// The largest of each feature.
    Max,
    /// Their mean.
    Mean,
    /// Their sum divided by the square root of their number.
    #[serde(rename = "mean_sqrt_len_tokens")]
    MeanSqrtLen,
    /// Their mean, the n-th having weight n.
    WeightedMean,
    /// The last token's.
    LastToken,
    /// What the checkpoint's own pooler gives; no other stands beside it.
    Pooler,
}

/// The vector of the states `rows`, `[tokens, hidden]`.
pub(super) fn pooled(pooling: TokenPooling, rows: &[f32], hidden: usize) -> Vec<f32> {
    let tokens = rows.chunks_exact(hidden);
    #[allow(clippy::cast_precision_loss)]
    let count = tokens.len() as f32;
    let weighted = |weight: &dyn Fn(f32) -> f32, total: f32| {
        let mut sum = vec![0.0; hidden];
        let mut place = 0.0;
        for row in tokens.clone() {
            place += 1.0;
            let weight = weight(place);
            sum.iter_mut().zip(row).for_each(|(s, x)| *s += weight * x);
        }
        sum.iter_mut().for_each(|s| *s /= total);
        sum
    };
    match pooling {
        TokenPooling::Mean => weighted(&|_| 1.0, count),
        TokenPooling::MeanSqrtLen => weighted(&|_| 1.0, count.sqrt()),
        TokenPooling::WeightedMean => weighted(&|place| place, count * (count + 1.0) / 2.0),
        TokenPooling::Cls => tokens.clone().next().unwrap_or_default().to_vec(),
        TokenPooling::LastToken | TokenPooling::Pooler => {
            tokens.clone().next_back().unwrap_or_default().to_vec()
        }
        TokenPooling::Max => {
            let mut largest = vec![f32::NEG_INFINITY; hidden];
            for row in tokens.clone() {
                let pairs = largest.iter_mut().zip(row);
                pairs.for_each(|(largest, &x)| *largest = largest.max(x));
            }
            largest
        }
    }
}
