//! Words with tags.

use graftlet::Result;
use graftlet::engine::Engine;
use graftlet::folder::TaskAdapter;
use graftlet::input::text::LongTexts;
use graftlet::train::{Outcomes, Row};

use super::super::documents;
use super::{Folders, SIZES, WORDS, add, dataset, judge, read, said, sizes, windows};

/// F1 of joined sentences, by overlap and rule, beside that of the sentences themselves.
pub(super) fn tags(engine: &mut Engine, folders: &Folders) -> Result<()> {
    let sentences = read(folders, "wnut17", "test.conll")?;
    let documents = documents::sentences(&sentences, WORDS, " ");
    let lines = documents::sentences(&sentences, WORDS, "\n");
    let task = add(engine, folders, "wnut17")?;
    let covered: usize = documents
        .iter()
        .map(|row| documents::text_of(row).first.split(' ').count())
        .sum();
    // the sentences that the documents are made of
    let mut words = 0;
    let alone: Vec<Row> = sentences
        .into_iter()
        .take_while(|row| {
            words += documents::text_of(row).first.split(' ').count();
            words <= covered
        })
        .collect();
    println!(
        "wnut17: {} sentences, {} documents of {WORDS} words and more",
        alone.len(),
        documents.len()
    );
    println!("\n| read | F1 |\n| --- | --- |");
    let (f1, _) = engine_f1(engine, &task, &alone)?;
    println!("| single sentences | {f1:.4} |");
    engine.set_long_texts(LongTexts::Truncate);
    let (f1, _) = engine_f1(engine, &task, &documents)?;
    println!("| documents, cut at the limit | {f1:.4} |");
    engine.set_long_texts(LongTexts::Windows);
    let (f1, windows) = engine_f1(engine, &task, &documents)?;
    println!("| documents, as the engine reads them ({windows} windows) | {f1:.4} |");
    let (f1, windows) = engine_f1(engine, &task, &lines)?;
    println!(
        "| documents joined by line breaks, as the engine reads them ({windows} windows) | {f1:.4} |"
    );
    println!(
        "\n| window | overlap | windows | the window with the most context | mean of logits |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (size, overlap) in sizes(&SIZES) {
        let (count, [nearest, mean]) = rules_f1(engine, &task, &documents, size, overlap)?;
        println!("| {size} | {overlap} | {count} | {nearest:.4} | {mean:.4} |");
    }
    Ok(())
}

/// The score of the engine's own answers, and the number of windows. Words behind the limit have the label "O" if
/// they are not read.
fn engine_f1(engine: &Engine, task: &TaskAdapter, rows: &[Row]) -> Result<(f64, usize)> {
    let data = dataset(engine, task, rows)?;
    let mut outcomes = Outcomes::new(data.labels().len());
    let (mut windows, width) = (0, data.labels().len());
    let outside = data.labels().iter().position(|label| label == "O");
    for (index, row) in rows.iter().enumerate() {
        let mut answers = engine.answer(task, std::slice::from_ref(&row.input), "adapter")?;
        if let Some(mut answer) = answers.pop() {
            windows += answer.windows;
            while answer.logits.len() < data.length(index) * width {
                let label = answer.logits.len() % width;
                answer
                    .logits
                    .push(if Some(label) == outside { 1.0 } else { 0.0 });
            }
            outcomes.add(&data, index, &answer.logits);
        }
    }
    Ok((judge(task, &data, &outcomes)?, windows))
}

/// The number of windows, and F1 by either rule.
fn rules_f1(
    engine: &Engine,
    task: &TaskAdapter,
    rows: &[Row],
    size: usize,
    overlap: usize,
) -> Result<(usize, [f64; 2])> {
    let data = dataset(engine, task, rows)?;
    let width = data.labels().len();
    let mut outcomes = [Outcomes::new(width), Outcomes::new(width)];
    let mut count = 0;
    for (index, row) in rows.iter().enumerate() {
        let windows = windows(engine, documents::text_of(row), size, overlap)?;
        count += windows.len();
        let mut nearest = vec![0.0; data.length(index) * width];
        let mut sums = nearest.clone();
        for (window, said) in windows.iter().zip(said(engine, task, &windows)?) {
            // the places of its other tokens follow from that of one of its own, special tokens apart
            let own = window.places.iter().enumerate().skip(1);
            let Some((token, place)) = { own }.find_map(|(token, place)| Some((token, (*place)?)))
            else {
                continue;
            };
            let first = place as usize - token;
            let last = window.encoded.ids.len() - 1;
            for (token, said) in said
                .values
                .chunks_exact(width)
                .enumerate()
                .take(last)
                .skip(1)
            {
                let at = (first + token) * width..(first + token + 1) * width;
                sums[at.clone()]
                    .iter_mut()
                    .zip(said)
                    .for_each(|(sum, x)| *sum += x);
                if window.places[token].is_some() {
                    nearest[at].copy_from_slice(said);
                }
            }
        }
        outcomes[0].add(&data, index, &nearest);
        outcomes[1].add(&data, index, &sums);
    }
    let [nearest, sums] = outcomes;
    Ok((
        count,
        [judge(task, &data, &nearest)?, judge(task, &data, &sums)?],
    ))
}
