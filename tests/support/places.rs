//! One pass in several places, which here are turns of one thread.
#![allow(dead_code, unreachable_pub)]

use std::rc::Rc;

use graftlet::engine::Reading;
use graftlet::model::Split;

/// What each place computes. `begin` gives what advances a place, until it has a result.
pub fn in_places<'a, T>(
    places: usize,
    begin: impl Fn(usize, Rc<Split>) -> Box<dyn FnMut() -> Option<T> + 'a>,
) -> Vec<T> {
    let splits: Vec<_> = (0..places)
        .map(|p| Rc::new(Split::new(p, places)))
        .collect();
    let own = splits.iter().enumerate();
    let mut advance: Vec<_> = own.map(|(p, split)| begin(p, Rc::clone(split))).collect();
    let mut results: Vec<Option<T>> = (0..places).map(|_| None).collect();
    // the last place first, so that messages wait for those who are not there yet
    while results.iter().any(Option::is_none) {
        let mut moved = false;
        for place in (0..places).rev() {
            if results[place].is_none() {
                results[place] = advance[place]();
                moved |= results[place].is_some();
            }
            for (to, rows) in splits[place].take_sent() {
                assert_ne!(to, place);
                assert!(!rows.is_empty());
                splits[to].receive(place, rows);
                moved = true;
            }
        }
        assert!(moved, "every place waits");
    }
    results.into_iter().flatten().collect()
}

/// The first place's reading after all steps, each of about `limit` tokens. Every place begins the same reading.
pub fn read_in_places(
    places: usize,
    limit: usize,
    begin: impl Fn() -> Reading<'static>,
) -> Reading<'static> {
    let mut readings: Vec<_> = (0..places).map(|_| begin()).collect();
    loop {
        let steps = in_places(places, |place, split| {
            let mut step = Some(readings[place].begin_step(limit, Some(split)));
            Box::new(move || {
                let computed = step.as_mut()?.advance()?.unwrap();
                Some((step.take()?, computed))
            })
        });
        let mut more = Vec::new();
        for (place, (step, computed)) in steps.into_iter().enumerate() {
            assert!(place == 0 || computed.is_empty());
            more.push(readings[place].end_step(&step, computed));
        }
        assert!(more.iter().all(|&one| one == more[0]));
        if !more[0] {
            return readings.swap_remove(0);
        }
    }
}
