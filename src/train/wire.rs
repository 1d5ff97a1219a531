use super::{Computed, Lesson, Outcomes, Trace};
use crate::error::{Error, Result};

/// First byte of the kinds.
const LEARNT: u8 = 1;
const JUDGED: u8 = 2;
const VECTORS: u8 = 3;

impl Computed {
    /// As bytes, for a worker to hand over: little-endian, the kind, then of a lesson its loss (f64), the
    /// number of traces (u32), the traces (f32, f32, u32 each) and the gradient (f32 each); of answers the
    /// number of labels (u32) and the logits (f32 each); of vectors their elements (f32 each).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let floats = |bytes: &mut Vec<u8>, values: &[f32]| {
            bytes.reserve(4 * values.len());
            values
                .iter()
                .for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        };
        match self {
            Self::Learnt(lesson) => {
                bytes.push(LEARNT);
                bytes.extend_from_slice(&lesson.loss.to_le_bytes());
                bytes.extend_from_slice(&count(lesson.traces.len()));
                for trace in &lesson.traces {
                    floats(&mut bytes, &[trace.loss, trace.rival_score]);
                    bytes.extend_from_slice(&trace.rival.to_le_bytes());
                }
                floats(&mut bytes, &lesson.gradient);
            }
            Self::Vectors(vectors) => {
                bytes.push(VECTORS);
                floats(&mut bytes, vectors);
            }
            Self::Judged(outcomes) => {
                bytes.push(JUDGED);
                bytes.extend_from_slice(&count(outcomes.width));
                floats(&mut bytes, &outcomes.logits);
            }
        }
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if it did not.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(bytes).ok_or_else(|| Error::OptionInvalid {
            option: "parts",
            value: format!("{} bytes", bytes.len()),
            reason: "they are not what a worker computed".into(),
        })
    }
}

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn read(bytes: &[u8]) -> Option<Computed> {
    let (&kind, rest) = bytes.split_first()?;
    match kind {
        LEARNT => {
            let (loss, rest) = rest.split_first_chunk()?;
            let (traces, rest) = rest.split_first_chunk()?;
            let length = 12usize.checked_mul(u32::from_le_bytes(*traces) as usize)?;
            let (traces, gradient) = rest.split_at_checked(length)?;
            let trace = |words: &[[u8; 4]]| Trace {
                loss: f32::from_le_bytes(words[0]),
                rival_score: f32::from_le_bytes(words[1]),
                rival: u32::from_le_bytes(words[2]),
            };
            let traces = traces.as_chunks().0.chunks_exact(3).map(trace).collect();
            Some(Computed::Learnt(Lesson {
                gradient: floats(gradient)?,
                loss: f64::from_le_bytes(*loss),
                traces,
            }))
        }
        JUDGED => {
            let (width, logits) = rest.split_first_chunk()?;
            Some(Computed::Judged(Outcomes {
                width: u32::from_le_bytes(*width) as usize,
                logits: floats(logits)?,
            }))
        }
        VECTORS => Some(Computed::Vectors(floats(rest)?)),
        _ => None,
    }
}

fn floats(bytes: &[u8]) -> Option<Vec<f32>> {
    let (words, rest) = bytes.as_chunks();
    let floats = words.iter().map(|&word| f32::from_le_bytes(word));
    rest.is_empty().then(|| floats.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let trace = Trace {
            loss: 0.5,
            rival_score: 0.25,
            rival: 7,
        };
        let lesson = Computed::Learnt(Lesson {
            gradient: vec![1.0, -2.5, 3.0],
            loss: 0.1,
            traces: vec![trace, Trace::default()],
        });
        let answers = Computed::Judged(Outcomes {
            width: 2,
            logits: vec![0.5, 1.5],
        });
        let vectors = Computed::Vectors(vec![0.25, -4.0, 1e-9]);
        for computed in [lesson, answers, vectors] {
            let bytes = computed.to_bytes();
            assert_eq!(Computed::from_bytes(&bytes).unwrap(), computed);
            // every length that is not a whole number of floats, and headers that are cut
            // no vectors are vectors too
            let shortest = if bytes[0] == VECTORS { 0 } else { 5 };
            for length in (0..bytes.len())
                .filter(|length| length % 4 != bytes.len() % 4 || *length < shortest)
            {
                assert!(
                    Computed::from_bytes(&bytes[..length]).is_err(),
                    "{length} bytes"
                );
            }
        }
        assert_eq!(
            Computed::from_bytes(&[9]).unwrap_err().code(),
            "option_invalid"
        );
    }
}
