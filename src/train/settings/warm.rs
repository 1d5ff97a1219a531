//! What an adapter that is trained further settles: the labels, and what becomes of few rows.

use std::collections::BTreeSet;

use super::super::scheme::labelled;
use super::super::{Dataset, Origin, Reading, Row, Scheme, start};
use super::{Resolved, Settings};
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Reads};

/// Weight of what the earlier head said.
pub(super) const DISTILLATION: f64 = 4.0;

/// Texts that are made of the words of corrections.
const MADE_TEXTS: usize = 200;

/// So many new rows are corrections to an adapter.
const CORRECTIONS: usize = 100;

impl Settings {
    /// What the labels of rows can be, and of the old rows beside them. `place` names the rows in errors.
    ///
    /// Where an adapter is trained further, its labels come first, and those that are new follow in alphabetical order. So
    /// its head can be trained further too. Rows that share no label with it are of another task with labels of its own,
    /// unless they have one label only, or distillation is asked for.
    ///
    /// # Errors
    /// Those of [`Scheme::found_in`]; [`Error::OptionInvalid`] for old rows without an adapter to start from.
    pub fn scheme(
        &self,
        place: &str,
        rows: &[Row],
        old: &[Row],
        reading: &Reading,
    ) -> Result<Scheme> {
        if self.start.is_none() && !old.is_empty() {
            return Err(Error::OptionInvalid {
                option: "replay",
                value: format!("{} rows", old.len()),
                reason: "only an adapter that is trained further can forget rows; name it with \"from\", or put all rows together".into(),
            });
        }
        match self.extended(place, rows, old, reading)? {
            Some(own) => Ok(own),
            None => Scheme::found_in(place, &[rows, old].concat(), reading),
        }
    }

    /// The labels of the adapter that is trained further, and new ones.
    fn extended(
        &self,
        place: &str,
        rows: &[Row],
        old: &[Row],
        reading: &Reading,
    ) -> Result<Option<Scheme>> {
        let head = self
            .start
            .as_ref()
            .and_then(|start| start.task.head.as_ref());
        let Some(own) = head.map(Scheme::of) else {
            return Ok(None);
        };
        let problem = reading.problem;
        // a label for rejection that the problem cannot have is refused with the rest
        let misplaced = reading.reject.is_some() && !problem.about().rejects;
        if own.problem != problem || problem.about().one_output || misplaced {
            return Ok(None);
        }
        let reject = reading.reject.clone().or(own.reject);
        let mut found = labelled(place, rows, problem)?;
        if !old.is_empty() {
            found.extend(labelled("the old rows", old, problem)?);
        }
        let mut parts = BTreeSet::new();
        for (_, label) in &found {
            problem.parts(label, &mut |part| {
                if reject.as_deref() != Some(part) {
                    parts.insert(part);
                }
            });
        }
        let before = parts.len();
        parts.retain(|part| !own.labels.iter().any(|label| label == part));
        let alone = before > 1 && parts.len() == before;
        if alone && self.distillation.is_none_or(|weight| weight <= 0.0) {
            return Ok(None);
        }
        let added: Vec<&str> = parts.into_iter().collect();
        let added = match problem.about().reads {
            // a tag comes with those for its beginning and its inside
            Reads::Tokens => problem.find(place, &added, None)?,
            _ => added.into_iter().map(str::to_owned).collect(),
        };
        let mut labels = own.labels;
        for label in added {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        Ok(Some(Scheme {
            problem,
            labels,
            reject,
            pairs: reading.pairs.unwrap_or(own.pairs),
        }))
    }

    /// The head that is trained further, of rows with this scheme.
    pub(in crate::train) fn old_head(&self, scheme: &Scheme) -> Option<&Head> {
        let start = self.start.as_ref()?;
        let wanted = (scheme.problem, &scheme.labels[..], scheme.pairs);
        start::head(&start.task, wanted, self.pooling)
    }

    /// Whether the new rows are few, and the head that should answer them is trained further.
    pub(in crate::train) fn is_correction(&self, data: &Dataset) -> bool {
        self.old_head(data.scheme()).is_some() && data.of_origin(Origin::New).len() <= CORRECTIONS
    }

    /// Whether the head alone is fitted to a few new rows: where they bring new labels, every row has a label, and nothing asks
    /// for epochs.
    ///
    /// The vectors of a class that is renamed or split lie together already, and the head only has to name them. With 20
    /// rows of two new labels of banking77 beside 1000 old rows, the fit loses .002 to .005 of the other labels, and epochs .01 to
    /// .02. Where the labels are known, the adapter has to move: with 10 rows of trec that were answered wrongly, epochs gain
    /// .01 on the other rows, and a fit loses .003 (means of three and four draws).
    pub(super) fn fits_new_labels(&self, data: &Dataset) -> bool {
        let asks = self.learning_rate.is_some() || self.contrastive_steps.is_some();
        let texts = data.of_origin(Origin::Unlabelled);
        let brings_labels = self.start.as_ref().is_some_and(|start| {
            let head = start.task.head.as_ref();
            // a fit knows of one layer only
            let is_one_layer = |config: &HeadConfig| config.dense.is_none();
            head.map(Head::config)
                .is_some_and(|own| is_one_layer(own) && own.labels.len() < data.labels().len())
        });
        !asks && texts.is_empty() && brings_labels && self.is_correction(data)
    }

    /// How many texts are made of the words of a few corrections, so that the adapter keeps what it says of such words.
    ///
    /// LoRA on 32 rows of each of trec's classes, corrected by 10 rows that it answered wrongly, is right on .920 of the others with
    /// made texts, .888 without, and .920 with the old rows; it was right on .911 (mean of four draws).
    pub(in crate::train) fn made_texts(&self, resolved: &Resolved, data: &Dataset) -> usize {
        let has_teacher = resolved.distillation.is_some_and(|weight| weight > 0.0);
        let are_whole = data.scheme().problem.words(data.labels().len()).is_some();
        let are_texts = data.is_of_texts() && data.pair() == Some(false);
        let are_single = are_texts && data.sequences_per_row() == 1;
        let only_new = data.of_origin(Origin::New).len() == data.len();
        let wanted = has_teacher && are_whole && are_single && only_new && !resolved.fits();
        match wanted && self.is_correction(data) {
            true => MADE_TEXTS,
            false => 0,
        }
    }

    /// Refuses settings that need the head that is trained further, or that cannot do without labels.
    pub(super) fn check_warm_start(
        &self,
        resolved: &Resolved,
        data: &Dataset,
        continues: bool,
    ) -> Result<()> {
        let invalid = |option, value: String, reason: &str| {
            Err(Error::OptionInvalid {
                option,
                value,
                reason: reason.to_owned(),
            })
        };
        if let (Some(weight), false) = (self.distillation.filter(|weight| *weight > 0.0), continues)
        {
            let reason = match self.start {
                None => {
                    "only an adapter that is trained further can be a teacher; name it with \"from\""
                }
                Some(_) => {
                    "the head is a fresh one, which nothing was said with before; leave it out, or give rows of the adapter's labels, and its pooling"
                }
            };
            return invalid("distillation", weight.to_string(), reason);
        }
        let has_dense = |head: &Head| head.config().dense.is_some();
        if resolved.fits() && self.old_head(data.scheme()).is_some_and(has_dense) {
            let reason = "the adapter's head has a dense layer, and only a head of one layer can be fitted in one go; leave out contrastive_steps, and give at least one epoch";
            return invalid("epochs", resolved.epochs.to_string(), reason);
        }
        let texts = data.of_origin(Origin::Unlabelled).len();
        if texts == 0 {
            return Ok(());
        }
        let texts = format!("{texts} texts without labels");
        if resolved.distillation.is_none_or(|weight| weight <= 0.0) {
            let reason = "without distillation nothing can be learnt from them; label them, or leave them out";
            return invalid("replay", texts, reason);
        }
        if resolved.fits() {
            let reason = "contrastive steps, and a head that is fitted in one go, need labels; leave out contrastive_steps, and give epochs";
            return invalid("replay", texts, reason);
        }
        Ok(())
    }
}
