//! One pass in several places, such as the workers of a page. Each place has the whole backbone and the same adapters, and
//! computes some rows of the pass. A row depends on the others of its sequence in one operation only, attention, so the
//! places send each other keys and values once a layer. Every row has the bits that it has in a pass in one place.

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Attention, States};
use crate::tensor::{Buffer, Tensor};

/// Something that may have to wait for another place.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The result of a pass in one place, which waits for nobody.
///
/// # Panics
/// If it does.
pub fn now<T>(computing: impl Future<Output = T>) -> T {
    match pin!(computing).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("a pass in one place waits for nobody"),
    }
}

/// This place among those that compute a pass, and what passes between it and the others. The first place gets the
/// results.
pub struct Split {
    place: usize,
    places: usize,
    sent: RefCell<Vec<(usize, Vec<f32>)>>,
    /// What has arrived from each place and is not used yet.
    arrived: RefCell<Vec<Vec<Vec<f32>>>>,
}

/// Where the rows of a sequence are computed: those from `cuts[p]` to `cuts[p + 1]` at place `p`.
pub type Cuts = Arc<[usize]>;

/// Which of the last hidden states are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Those of all tokens.
    All,
    /// That of each sequence's first token.
    First,
}

impl Split {
    /// For the place of this number, from 0, among that many.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn new(place: usize, places: usize) -> Self {
        assert!(place < places);
        Self {
            place,
            places,
            sent: RefCell::default(),
            arrived: RefCell::new(vec![Vec::new(); places]),
        }
    }

    /// How many places there are.
    #[must_use]
    pub fn places(&self) -> usize {
        self.places
    }

    /// Cuts all rows of sequences of these lengths into as many parts as there are places, of equal size but for one row.
    #[must_use]
    pub fn cuts(&self, lengths: &[usize]) -> Vec<Cuts> {
        let total: usize = lengths.iter().sum();
        let mut start = 0;
        let cut = |&length: &usize| {
            let place =
                |place: usize| (total * place / self.places).clamp(start, start + length) - start;
            let cuts = (0..=self.places).map(place).collect();
            start += length;
            cuts
        };
        lengths.iter().map(cut).collect()
    }

    /// What is to be sent: the number of a place and the rows for it, in the order in which they must arrive.
    pub fn take_sent(&self) -> Vec<(usize, Vec<f32>)> {
        self.sent.take()
    }

    /// Takes in what a place sent here. Rows of a place that does not exist are nothing.
    pub fn receive(&self, from: usize, rows: Vec<f32>) {
        if let Some(arrived) = self.arrived.borrow_mut().get_mut(from) {
            arrived.push(rows);
        }
    }

    fn send(&self, to: usize, rows: Vec<f32>) {
        self.sent.borrow_mut().push((to, rows));
    }

    async fn next_from(&self, place: usize) -> Vec<f32> {
        poll_fn(|_| {
            let arrived = &mut self.arrived.borrow_mut()[place];
            match arrived.is_empty() {
                true => Poll::Pending,
                false => Poll::Ready(arrived.remove(0)),
            }
        })
        .await
    }

    fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.place;
        (0..self.places).filter(move |&place| place != own)
    }
}

/// The rows of some sequences that are computed here.
pub struct Portion<'s> {
    split: &'s Split,
    /// Of each sequence.
    cuts: Vec<Cuts>,
}

impl<'s> Portion<'s> {
    /// Of sequences that are cut like this.
    #[must_use]
    pub fn new(split: &'s Split, cuts: Vec<Cuts>) -> Self {
        Self { split, cuts }
    }

    /// The rows of `states` that are computed here, out of those of whole sequences, and how these are cut. They may be
    /// longer than the sequences that `cuts` are of: an adapter puts virtual tokens into them.
    #[must_use]
    pub fn take(split: &'s Split, cuts: &[Cuts], states: &States) -> (States, Vec<Cuts>) {
        let lengths = states.starts.windows(2).map(|bounds| bounds[1] - bounds[0]);
        let scaled = cuts.iter().zip(lengths).map(|(cuts, length)| {
            let whole = cuts.last().copied().unwrap_or_default().max(1);
            cuts.iter().map(|cut| cut * length / whole).collect()
        });
        let portion = Self::new(split, scaled.collect());
        let (_, width) = states.x.dims2();
        let (mut x, mut starts) = (Vec::new(), vec![0]);
        for (own, start) in portion.ranges(split.place).zip(&*states.starts) {
            x.extend_from_slice(
                &states.x.data()[(start + own.start) * width..(start + own.end) * width],
            );
            starts.push(x.len() / width);
        }
        let rows = x.len() / width;
        let states = States {
            x: Tensor::new(x, &[rows, width]),
            starts: starts.into(),
        };
        (states, portion.cuts)
    }

    /// The rows of each sequence that are computed at a place.
    fn ranges(&self, place: usize) -> impl Iterator<Item = Range<usize>> + Clone {
        self.cuts
            .iter()
            .map(move |cuts| cuts[place]..cuts[place + 1])
    }

    /// The place in its sequence of every row that is computed here.
    pub(super) fn positions(&self) -> Arc<[usize]> {
        self.ranges(self.split.place).flatten().collect()
    }

    /// The sequences of which rows are computed both here and at another place, by their number: the rows that a place
    /// has of each.
    fn shared(&self, other: usize) -> impl Iterator<Item = (usize, [Range<usize>; 2])> {
        let pairs = self.ranges(self.split.place).zip(self.ranges(other));
        pairs
            .enumerate()
            .filter(|(_, (own, other))| !own.is_empty() && !other.is_empty())
            .map(|(sequence, (own, other))| (sequence, [own, other]))
    }

    /// The attention of the rows that are computed here, with the keys and values that the other places have of their
    /// sequences. `input` has those of the rows here.
    pub(super) async fn with_all_keys(&self, input: Attention) -> Attention {
        let places: Vec<usize> = self.split.others().collect();
        if places
            .iter()
            .all(|&other| self.shared(other).next().is_none())
        {
            return input;
        }
        let (_, width) = input.k.dims2();
        // where the rows of a sequence lie in those of this place
        let own_rows = |sequence: usize, count: usize| {
            let start = input.starts[sequence];
            start * width..(start + count) * width
        };
        for &other in &places {
            let mut rows = Vec::new();
            for x in [&input.k, &input.v] {
                for (sequence, [own, _]) in self.shared(other) {
                    rows.extend_from_slice(&x.data()[own_rows(sequence, own.len())]);
                }
            }
            if !rows.is_empty() {
                self.split.send(other, rows);
            }
        }
        let mut starts = vec![0];
        for (own, cuts) in self.ranges(self.split.place).zip(&self.cuts) {
            let length = if own.is_empty() {
                0
            } else {
                cuts[cuts.len() - 1]
            };
            starts.push(starts[starts.len() - 1] + length);
        }
        let tokens = starts[starts.len() - 1];
        let rows = |sequence: usize, range: &Range<usize>| {
            let start = starts[sequence];
            (start + range.start) * width..(start + range.end) * width
        };
        let mut all = [0, 1].map(|_| Buffer::uninitialised(tokens * width));
        for (to, from) in all.iter_mut().zip([&input.k, &input.v]) {
            let own = self.ranges(self.split.place).enumerate();
            for (sequence, own) in own.filter(|(_, own)| !own.is_empty()) {
                let from = &from.data()[own_rows(sequence, own.len())];
                to[rows(sequence, &own)].copy_from_slice(from);
            }
        }
        for &other in &places {
            if self.shared(other).next().is_none() {
                continue;
            }
            let arrived = self.split.next_from(other).await;
            let mut rest = &arrived[..];
            for to in &mut all {
                for (sequence, [_, theirs]) in self.shared(other) {
                    let (from, others) = rest.split_at(theirs.len() * width);
                    to[rows(sequence, &theirs)].copy_from_slice(from);
                    rest = others;
                }
            }
        }
        let [k, v] = all.map(|x| Tensor::new(x, &[tokens, width]));
        Attention {
            k,
            v,
            starts: starts.into(),
            queries: Some(self.ranges(self.split.place).collect()),
            ..input
        }
    }

    /// The last hidden states of the whole sequences, or of their first tokens, of the `states` that were computed at all
    /// places; at the first place only. A sequence with a value that is not finite anywhere is NaN.
    pub async fn gather(&self, states: States, reads: Reads) -> Option<States> {
        let (_, width) = states.x.dims2();
        let read = |range: Range<usize>| match reads {
            Reads::All => range,
            Reads::First => range.start.min(1)..range.end.min(1),
        };
        if self.split.place != 0 {
            let mut message = Vec::new();
            let own = self.ranges(self.split.place).zip(states.starts.windows(2));
            let own = own.filter(|(range, _)| !range.is_empty());
            for (_, bounds) in own.clone() {
                message.push(f32::from(u8::from(is_marked(&states, bounds))));
            }
            for (range, bounds) in own {
                let rows = bounds[0]..bounds[0] + read(range).len();
                message.extend_from_slice(&states.x.data()[rows.start * width..rows.end * width]);
            }
            if !message.is_empty() {
                self.split.send(0, message);
            }
            return None;
        }
        let lengths = self.cuts.iter().map(|cuts| cuts[cuts.len() - 1]);
        let mut starts = vec![0];
        for length in lengths {
            starts.push(starts[starts.len() - 1] + read(0..length).len());
        }
        let tokens = starts[starts.len() - 1];
        let mut x = Buffer::uninitialised(tokens * width);
        let mut marked: Vec<bool> = Vec::with_capacity(self.cuts.len());
        for (sequence, own) in self.ranges(0).enumerate() {
            marked.push(is_marked(&states, &states.starts[sequence..=sequence + 1]));
            let count = read(own).len() * width;
            let from = states.starts[sequence] * width;
            x[starts[sequence] * width..][..count]
                .copy_from_slice(&states.x.data()[from..from + count]);
        }
        for other in self.split.others() {
            let theirs = self.ranges(other).enumerate();
            let theirs = theirs.filter(|(_, range)| !range.is_empty());
            let sequences = theirs.clone().count();
            if sequences == 0 {
                continue;
            }
            let arrived = self.split.next_from(other).await;
            let (marks, mut rest) = arrived.split_at(sequences);
            for ((sequence, range), mark) in theirs.zip(marks) {
                marked[sequence] |= *mark != 0.0;
                let range = read(range);
                let (from, others) = rest.split_at(range.len() * width);
                x[(starts[sequence] + range.start) * width..][..from.len()].copy_from_slice(from);
                rest = others;
            }
        }
        for (bounds, marked) in starts.windows(2).zip(marked) {
            if marked {
                x[bounds[0] * width..bounds[1] * width].fill(f32::NAN);
            }
        }
        Some(States {
            x: Tensor::new(x, &[tokens, width]),
            starts: starts.into(),
        })
    }
}

/// Whether rows were marked as having had a value that is not finite: all of them are NaN then.
fn is_marked(states: &States, bounds: &[usize]) -> bool {
    let (_, width) = states.x.dims2();
    bounds[0] < bounds[1] && states.x.data()[bounds[0] * width].is_nan()
}
