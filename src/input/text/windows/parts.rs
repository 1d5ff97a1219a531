//! Cuts the tokens of a text into parts that fit a window.

use std::ops::Range;

/// What of a text one window holds, and what of that it answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) all: Range<usize>,
    pub(super) own: Range<usize>,
}

impl Part {
    /// The same part of a text that stands behind `before` other tokens.
    fn behind(self, before: usize) -> Self {
        let moved = |range: Range<usize>| range.start + before..range.end + before;
        Self {
            all: moved(self.all),
            own: moved(self.own),
        }
    }
}

/// How many of `room` tokens each text of a pair gets.
pub(super) fn rooms(lengths: &[usize], room: usize) -> Vec<usize> {
    let [first, second] = *lengths else {
        return vec![room; lengths.len()];
    };
    let half = room / 2;
    if first.min(second) > half {
        return vec![room - half, half];
    }
    if first <= second {
        vec![first, room - first]
    } else {
        vec![room - second, second]
    }
}

/// Makes each line of at most `line` tokens a part, and packs the sentences of those that are longer into parts of
/// at most `room`.
pub(super) fn pack_lines(
    words: &[Option<u32>],
    (sentences, lines): (&[usize], &[usize]),
    (room, line): (usize, usize),
    overlap: usize,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    for end in lines.iter().copied().chain([words.len()]) {
        if end - start <= line {
            parts.push(Part {
                all: start..end,
                own: start..end,
            });
        } else {
            let inside = sentences
                .iter()
                .filter(|&&token| start < token && token < end);
            let inside: Vec<usize> = inside.map(|token| token - start).collect();
            let own = pack(&words[start..end], &inside, room, overlap);
            parts.extend(own.into_iter().map(|part| part.behind(start)));
        }
        start = end;
    }
    parts
}

/// Packs sentences into parts of at most `room` tokens, and cuts those that are longer.
pub(super) fn pack(
    words: &[Option<u32>],
    sentences: &[usize],
    room: usize,
    overlap: usize,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open = 0..0;
    let ends = sentences.iter().copied().chain([words.len()]);
    let mut close = |open: &mut Range<usize>, end: usize| {
        if open.start < open.end {
            let all = open.clone();
            parts.extend(
                cut(&words[all.clone()], room, overlap)
                    .into_iter()
                    .map(|part| part.behind(all.start)),
            );
        }
        *open = open.end..end;
    };
    for end in ends {
        if end - open.start > room {
            close(&mut open, end);
        } else {
            open.end = end;
        }
    }
    close(&mut open, words.len());
    if parts.is_empty() {
        // an empty text of a pair stands in all windows
        parts.push(Part {
            all: 0..0,
            own: 0..0,
        });
    }
    parts
}

/// Cuts a text's tokens, of which `words` says to which word each belongs, into parts of at most `room`.
pub(super) fn cut(words: &[Option<u32>], room: usize, overlap: usize) -> Vec<Part> {
    let length = words.len();
    // one token at least, so that there is an end
    let room = room.max(1);
    let overlap = overlap.min(room / 2);
    let begins = |token: usize| {
        token == 0 || token >= length || words[token].is_none() || words[token] != words[token - 1]
    };
    // the last beginning of a word up to a token and behind another
    let down =
        |token: usize, behind: usize| (behind + 1..=token).rev().find(|&token| begins(token));
    let mut all: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    loop {
        if length - start <= room {
            all.push(start..length);
            break;
        }
        let end = down(start + room, start).unwrap_or(start + room);
        all.push(start..end);
        let wanted = end - overlap.min(end - start - 1);
        let next = down(wanted, start).or_else(|| (wanted..=end).find(|&token| begins(token)));
        start = next.unwrap_or(wanted);
    }
    // of the tokens that two share, each has the nearer half
    let mut border = 0;
    let mut parts = Vec::with_capacity(all.len());
    for (index, range) in all.iter().enumerate() {
        let from = border;
        border = match all.get(index + 1) {
            None => length,
            Some(next) => {
                let middle = usize::midpoint(next.start, range.end);
                let middle = (next.start..=middle).rev().find(|&token| begins(token));
                middle.unwrap_or(next.start).max(from)
            }
        };
        parts.push(Part {
            all: range.clone(),
            own: from..border,
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::text::windows::lines_of;

    /// Tokens of words with these lengths.
    fn words(lengths: &[usize]) -> Vec<Option<u32>> {
        let words = (0u32..).zip(lengths);
        words
            .flat_map(|(word, &length)| std::iter::repeat_n(Some(word), length))
            .collect()
    }

    fn check(words: &[Option<u32>], room: usize, overlap: usize) -> Vec<Part> {
        let parts = cut(words, room, overlap);
        let mut next = 0;
        for (index, part) in parts.iter().enumerate() {
            assert!(part.all.len() <= room.max(1), "{parts:?}");
            assert_eq!(part.own.start, next, "{parts:?}");
            next = part.own.end;
            assert!(
                part.own.is_empty()
                    || part.all.start <= part.own.start && part.own.end <= part.all.end
            );
            if index > 0 {
                assert!(parts[index - 1].all.start < part.all.start);
                assert!(part.all.start <= parts[index - 1].all.end);
            }
        }
        assert_eq!(next, words.len());
        parts
    }

    #[test]
    fn every_token_is_answered_for_once() {
        for length in 0..70 {
            for room in 0..24 {
                for overlap in [0, 1, 3, 8, 100] {
                    check(&words(&vec![1; length]), room, overlap);
                    check(&words(&vec![3; length / 3]), room, overlap);
                    check(&words(&[2, 40, 1, 1, 5, 7]), room, overlap);
                    check(&vec![None; length], room, overlap);
                }
            }
        }
    }

    #[test]
    fn borders_stand_between_words() {
        let of = words(&[3; 20]);
        for part in check(&of, 20, 5) {
            assert!(part.all.start % 3 == 0 && part.all.end % 3 == 0, "{part:?}");
            assert!(part.own.start % 3 == 0 && part.own.end % 3 == 0, "{part:?}");
        }
        // a word longer than a window is split, and no other
        let starts: Vec<usize> = check(&words(&[2, 40, 2]), 12, 2)
            .iter()
            .map(|part| part.all.start)
            .collect();
        assert_eq!(starts, [0, 2, 12, 22, 32]);
    }

    #[test]
    fn the_window_with_more_context_answers() {
        let parts = check(&words(&[1; 100]), 40, 10);
        assert_eq!(parts[0].all, 0..40);
        assert_eq!(parts[1].all, 30..70);
        assert_eq!(
            (parts[0].own.clone(), parts[1].own.clone()),
            (0..35, 35..65)
        );
    }

    #[test]
    fn windows_hold_whole_sentences() {
        let of = words(&[1; 40]);
        let all = |parts: Vec<Part>| -> Vec<(usize, usize)> {
            let mut next = 0;
            for part in &parts {
                assert_eq!(part.own.start, next);
                next = part.own.end;
            }
            assert_eq!(next, 40);
            parts.iter().map(|p| (p.all.start, p.all.end)).collect()
        };
        assert_eq!(
            all(pack(&of, &[4, 9, 15, 30], 10, 3)),
            [(0, 9), (9, 15), (15, 25), (22, 30), (30, 40)]
        );
        assert_eq!(all(pack(&of, &[25], 40, 3)), [(0, 40)]);
        assert_eq!(all(pack(&of, &[25], 30, 3)), [(0, 25), (25, 40)]);
        assert_eq!(pack(&[], &[], 10, 3).len(), 1);
    }

    #[test]
    fn lines_that_fit_are_parts() {
        let of = words(&[1; 40]);
        let parts = pack_lines(&of, (&[4, 9, 15, 25, 30], &[9, 30]), (10, 12), 3);
        let all: Vec<(usize, usize)> = parts.iter().map(|p| (p.all.start, p.all.end)).collect();
        // the line from 9 to 30 is too long and is cut into its sentences
        assert_eq!(all, [(0, 9), (9, 15), (15, 25), (25, 30), (30, 40)]);
        let own: Vec<usize> = parts.iter().flat_map(|p| p.own.clone()).collect();
        assert!(own.into_iter().eq(0..40));
        let offsets = [(0, 3), (4, 7), (9, 14), (15, 19)];
        assert_eq!(lines_of("one\ntwo\r\nthree four", &offsets), [1, 2]);
    }

    #[test]
    fn a_pair_shares_the_room() {
        assert_eq!(rooms(&[100, 7], 40), [33, 7]);
        assert_eq!(rooms(&[20, 100], 40), [20, 20]);
        assert_eq!(rooms(&[100, 90], 41), [21, 20]);
        assert_eq!(rooms(&[0, 90], 41), [0, 41]);
        assert_eq!(rooms(&[90], 41), [41]);
    }
}
