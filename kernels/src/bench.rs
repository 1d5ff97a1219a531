//! The one list of kernel micro-benchmarks, at the encoder's shapes (all-MiniLM-L6-v2): criterion times it natively
//! (`benches/kernels.rs`), `./build.sh bench` in the browser.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod ceiling;

use std::hint::black_box;
use std::rc::Rc;

use super::quantize::{halves_lens, pack_halves, pack_pairs, pairs_lens};
use super::softmax::{softmax, softmax_backward};
use super::tiles::COLS;
use super::*;

/// One kernel at one shape in one variant.
pub struct Case {
    /// The kernel's name, as it is called in this module.
    pub kernel: &'static str,
    /// Its shape: `rows x in x out` of a product, `sequences x tokens` of attention, else `rows x width`; a ceiling's
    /// instructions.
    pub shape: String,
    /// The variant's name; `all` for a kernel that all builds share.
    pub variant: &'static str,
    /// Work of one run, in [`unit`](Self::unit).
    pub work: f64,
    /// What the work is counted in.
    pub unit: Unit,
    /// Runs it once.
    pub run: Box<dyn FnMut()>,
}

/// What work is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Floating-point additions and multiplications.
    Flop,
    /// Integer additions and multiplications.
    Op,
    /// Elements of the output.
    Element,
}

impl Unit {
    /// A thousand million of them a second.
    #[must_use]
    pub fn rate(self) -> &'static str {
        match self {
            Self::Flop => "GFLOP/s",
            Self::Op => "GOP/s",
            Self::Element => "Gelement/s",
        }
    }
}

const HIDDEN: usize = 384;
const FFN: usize = 1536;
const HEADS: usize = 12;

/// `rows x in x out` of the products: the encoder's at 120 tokens, and those of few rows.
const PRODUCTS: [(usize, usize, usize); 6] = [
    (120, HIDDEN, HIDDEN),
    (120, HIDDEN, FFN),
    (120, FFN, HIDDEN),
    (16, HIDDEN, HIDDEN),
    (4, HIDDEN, HIDDEN),
    (1, HIDDEN, FFN),
];

/// `sequences x tokens` of attention.
const ATTENTIONS: [(usize, usize); 3] = [(1, 128), (8, 32), (1, 512)];

/// Every benchmark that this build on this machine can run.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut list = List(Vec::new());
    for (rows, in_, out) in PRODUCTS {
        list.products(rows, in_, out);
    }
    list.low_rank();
    for (sequences, tokens) in ATTENTIONS {
        list.attention(sequences, tokens);
    }
    list.rows();
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    for &ceiling::Loop {
        instructions,
        operations,
        unit,
        run,
    } in ceiling::LOOPS
    {
        let work = (operations * ceiling::STEPS, unit);
        list.add("ceiling", instructions, "registers", work, run);
    }
    list.0
}

/// Deterministic numbers in -1..1.
fn numbers(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    let number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(number).take(len).collect()
}

struct List(Vec<Case>);

impl List {
    fn add(
        &mut self,
        kernel: &'static str,
        shape: &str,
        variant: &'static str,
        (work, unit): (usize, Unit),
        run: impl FnMut() + 'static,
    ) {
        self.0.push(Case {
            kernel,
            shape: shape.to_owned(),
            variant,
            work: work as f64,
            unit,
            run: Box::new(run),
        });
    }

    fn products(&mut self, rows: usize, in_: usize, out: usize) {
        let shape = format!("{rows}x{in_}x{out}");
        let work = 2 * rows * in_ * out;
        let weight = numbers(in_ * out);
        let (integers, scales) = quantize_rows_int8(&weight, out, in_);
        let f32 = Rc::new(PackedF32::pack(&weight, out, in_));
        let (x, bias) = (Rc::new(numbers(rows * in_)), Rc::new(numbers(out)));
        let dy = Rc::new(numbers(rows * out));
        for variant in Variant::available() {
            let name = variant.name();
            let int8 = PackedInt8::pack_as(variant.layout(), &integers, &scales, out, in_);
            let turned = TurnedInt8::of(&int8).map(Rc::new);
            let int8 = Rc::new(int8);
            let (w, x_, b, mut y) = (f32.clone(), x.clone(), bias.clone(), vec![0.0; rows * out]);
            self.add("linear_f32", &shape, name, (work, Unit::Flop), move || {
                linear_f32(variant, &x_, &w, Some(&b), black_box(&mut y));
            });
            let (w, x_, b, mut y) = (int8.clone(), x.clone(), bias.clone(), vec![0.0; rows * out]);
            self.add("linear_int8", &shape, name, (work, Unit::Op), move || {
                linear_int8(variant, &x_, &w, Some(&b), black_box(&mut y));
            });
            let (w, dy_, mut dx) = (f32.clone(), dy.clone(), vec![0.0; rows * in_]);
            let backward = "linear_f32_backward";
            self.add(backward, &shape, name, (work, Unit::Flop), move || {
                linear_f32_backward(variant, &dy_, &w, black_box(&mut dx));
            });
            let (w, dy_, mut dx) = (int8.clone(), dy.clone(), vec![0.0; rows * in_]);
            let backward = "linear_int8_backward";
            self.add(backward, &shape, name, (work, Unit::Flop), move || {
                linear_int8_backward(variant, &dy_, &w, black_box(&mut dx));
            });
            if let Some(turned) = turned.clone() {
                let (dy_, mut dx) = (dy.clone(), vec![0.0; rows * in_]);
                let (backward, mut g) = ("turned_int8_backward", vec![0.0; rows * out]);
                self.add(backward, &shape, name, (work, Unit::Op), move || {
                    g.copy_from_slice(&dy_);
                    turned.backward(variant, &mut g, black_box(&mut dx));
                });
            }
        }
    }

    /// LoRA r=8 at 256 tokens: the update of a layer's output, and its gradients.
    fn low_rank(&mut self) {
        const ROWS: usize = 256;
        const RANK: usize = 8;
        fn update<'a>(a: &'a [f32], b: &'a [f32]) -> LowRank<'a> {
            LowRank {
                a,
                b,
                rank: RANK,
                scale: 1e-3,
            }
        }
        let variant = Variant::best();
        for (in_, out) in [(HIDDEN, HIDDEN), (HIDDEN, FFN), (FFN, HIDDEN)] {
            let (a, b) = (Rc::new(numbers(RANK * in_)), Rc::new(numbers(out * RANK)));
            let (x, dy) = (Rc::new(numbers(ROWS * in_)), numbers(ROWS * out));
            let work = 2 * ROWS * RANK * (in_ + out);
            let shape = format!("{ROWS}x{in_}x{RANK}x{out}");
            let (a_, b_, x_) = (a.clone(), b.clone(), x.clone());
            let (mut h, mut y) = (vec![0.0; ROWS * RANK], dy.clone());
            self.add(
                "low_rank",
                &shape,
                variant.name(),
                (work, Unit::Flop),
                move || {
                    update(&a_, &b_).add(variant, &x_, &mut h, black_box(&mut y));
                },
            );
            let h = numbers(ROWS * RANK);
            let [mut dx, mut da, mut db] = [ROWS, RANK, 0].map(|n| vec![0.0; n * in_]);
            db.resize(out * RANK, 0.0);
            let work = (2 * work, Unit::Flop);
            self.add(
                "low_rank_backward",
                &shape,
                variant.name(),
                work,
                move || {
                    let gradients = LowRankGradients {
                        dx: Some(black_box(&mut dx)),
                        da: &mut da,
                        db: &mut db,
                    };
                    update(&a, &b).backward(variant, &x, &h, &dy, gradients);
                },
            );
        }
    }

    fn attention(&mut self, sequences: usize, tokens: usize) {
        let shape = format!("{sequences}x{tokens}");
        let starts: Rc<[usize]> = (0..=sequences).map(|s| s * tokens).collect();
        let rows = Rc::new(numbers(sequences * tokens * HIDDEN));
        // One product of queries and keys, or of probabilities and values.
        let product = 2 * sequences * tokens * tokens * HIDDEN;
        for variant in Variant::available() {
            let (x, s, mut out) = (rows.clone(), starts.clone(), vec![0.0; rows.len()]);
            let forward = (2 * product, Unit::Flop);
            self.add("attention", &shape, variant.name(), forward, move || {
                attention(variant, &x, &x, &x, heads(&s), black_box(&mut out));
            });
            let (x, s) = (rows.clone(), starts.clone());
            let [mut dq, mut dk, mut dv] =
                [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![0.0; x.len()]);
            let backward = (5 * product, Unit::Flop);
            self.add(
                "attention_backward",
                &shape,
                variant.name(),
                backward,
                move || {
                    attention_backward(
                        variant,
                        &x,
                        &x,
                        &x,
                        &x,
                        heads(&s),
                        black_box(&mut dq),
                        &mut dk,
                        &mut dv,
                    );
                },
            );
        }
    }

    /// Kernels that are the same source in every variant.
    fn rows(&mut self) {
        let shared = "all";
        // The scores of all heads at 128 and 512 tokens.
        for (rows, width) in [(HEADS * 128, 128), (HEADS * 512, 512)] {
            let shape = format!("{rows}x{width}");
            let elements = (rows * width, Unit::Element);
            let scores = numbers(rows * width);
            let (s, mut p) = (scores.clone(), scores.clone());
            self.add("softmax", &shape, shared, elements, move || {
                p.copy_from_slice(&s);
                let (eights, _) = black_box(&mut p).as_chunks_mut::<COLS>();
                eights.chunks_exact_mut(width).for_each(softmax);
            });
            let mut d = scores.clone();
            self.add("softmax_backward", &shape, shared, elements, move || {
                let (p, _) = scores.as_chunks::<COLS>();
                let (d, _) = black_box(&mut d).as_chunks_mut::<COLS>();
                for (p, d) in p.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
                    softmax_backward(p, d);
                }
            });
        }

        let (rows, elements) = (120, (120 * HIDDEN, Unit::Element));
        let shape = format!("{rows}x{HIDDEN}");
        let (x, gamma, mut y) = (
            numbers(rows * HIDDEN),
            numbers(HIDDEN),
            vec![0.0; rows * HIDDEN],
        );
        self.add("layer_norm", &shape, shared, elements, move || {
            layer_norm(&x, &gamma, &gamma, 1e-12, black_box(&mut y));
        });
        let (x, gamma, mut dx) = (
            numbers(rows * HIDDEN),
            numbers(HIDDEN),
            vec![0.0; rows * HIDDEN],
        );
        self.add("layer_norm_backward", &shape, shared, elements, move || {
            layer_norm_backward(&x, &gamma, 1e-12, &x, black_box(&mut dx));
        });

        for width in [HIDDEN, FFN] {
            let shape = format!("{rows}x{width}");
            let x = numbers(rows * width);
            let elements = (rows * width, Unit::Element);
            let [mut room, mut packed] = pairs_lens(rows, width).map(|len| vec![0; len]);
            let (x_, mut scales) = (x.clone(), vec![0.0; rows]);
            self.add("pack_pairs", &shape, shared, elements, move || {
                let packed = black_box(&mut packed);
                pack_pairs(&x_, width, &mut room, packed, &mut scales);
            });
            let [mut room, mut packed] = halves_lens(rows, width).map(|len| vec![0; len]);
            let mut scales = vec![0.0; rows];
            self.add("pack_halves", &shape, shared, elements, move || {
                let packed = black_box(&mut packed);
                pack_halves(&x, width, &mut room, packed, &mut scales);
            });
        }

        let (shape, elements) = (format!("{rows}x{FFN}"), (rows * FFN, Unit::Element));
        let (x, mut y) = (numbers(rows * FFN), vec![0.0; rows * FFN]);
        self.add("gelu", &shape, shared, elements, move || {
            gelu(&x, black_box(&mut y))
        });
        let (x, mut dx) = (numbers(rows * FFN), vec![0.0; rows * FFN]);
        self.add("gelu_backward", &shape, shared, elements, move || {
            gelu_backward(&x, &x, black_box(&mut dx));
        });
    }
}

fn heads(starts: &[usize]) -> AttentionShape<'_> {
    AttentionShape {
        heads: HEADS,
        head_dim: HIDDEN / HEADS,
        starts,
        queries: None,
        prefix: 0,
        reach: Reach::ALL,
        bias: None,
    }
}

/// Attention alone, as an encoder of `layers` blocks calls it for one sequence of `tokens`: what of a forward pass
/// grows with the square of the tokens.
pub fn attention_alone(tokens: usize, layers: usize) -> impl FnMut() {
    let rows = numbers(tokens * HIDDEN);
    let mut out = vec![0.0; rows.len()];
    move || {
        for _ in 0..layers {
            let starts = [0, tokens];
            let shape = heads(&starts);
            attention(
                Variant::best(),
                &rows,
                &rows,
                &rows,
                shape,
                black_box(&mut out),
            );
        }
    }
}
