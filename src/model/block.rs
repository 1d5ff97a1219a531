use std::sync::Arc;

use super::overflow::Overflow;
use super::relative::relative_bias;
use super::{Anatomy, Attention, BlockPlan, Frozen, Hook, Join, Linear, LinearSite, NormSite};
use super::{Place, Portion, Sublayer, SublayerSite};
use crate::kernels::Rotary;
use crate::ops::{
    Activation, AttentionPlan, FrozenLinear, LayerNorm, columns, multiply, rotate, scale_columns,
};
use crate::tensor::Tensor;

/// A transformer block, as its [`BlockPlan`] says.
pub(super) struct Block {
    plan: BlockPlan,
    attention: AttentionPlan,
    rotary: Option<Arc<Rotary>>,
    projections: Projections,
    attention_output: FrozenLinear,
    ffn_up: FrozenLinear,
    ffn_down: FrozenLinear,
    /// Of the attention and of the feed-forward network.
    norms: [Option<LayerNorm>; 2],
    /// What their outputs are multiplied with, where a norm stands before them (Touvron et al. 2021).
    scales: [Option<Tensor>; 2],
}

/// Queries, keys and values.
enum Projections {
    Three([FrozenLinear; 3]),
    Fused(FrozenLinear),
}

/// A pass at a block.
pub(super) struct At<'a> {
    pub(super) layer: usize,
    pub(super) hook: &'a dyn Hook,
    /// The rows that are computed here; `None` for all.
    pub(super) portion: Option<&'a Portion<'a>>,
    /// What looks for values that are not finite.
    pub(super) overflow: Option<&'a Overflow>,
}

impl At<'_> {
    fn sublayer(&self, sublayer: Sublayer) -> SublayerSite {
        SublayerSite {
            layer: self.layer,
            sublayer,
        }
    }

    fn watch(&self, x: &Tensor) {
        if let Some(overflow) = self.overflow {
            overflow.watch(x);
        }
    }
}

impl Block {
    /// Every block of a model, of its frozen modules.
    ///
    /// # Errors
    /// The place of a module that is not there.
    pub(super) fn build_all(anatomy: &Anatomy, frozen: &Frozen) -> Result<Vec<Self>, Place> {
        let heads = anatomy.heads;
        let bias = relative_bias(anatomy, frozen);
        let mut rotaries: Vec<(f64, Arc<Rotary>)> = Vec::new();
        let mut rotary = |theta: f64| {
            let known = rotaries
                .iter()
                .find(|(known, _)| known.to_bits() == theta.to_bits());
            if let Some((_, rotary)) = known {
                return Arc::clone(rotary);
            }
            let head_dim = anatomy.hidden_size / heads;
            let rotary = Arc::new(Rotary::new(theta, head_dim, anatomy.max_tokens));
            rotaries.push((theta, Arc::clone(&rotary)));
            rotary
        };
        let blocks = anatomy.blocks.iter().enumerate().map(|(layer, &plan)| {
            let linear = |linear| {
                let site = LinearSite::new(layer, linear);
                frozen.linear(site).cloned().ok_or(Place::Linear(site))
            };
            let norm = |sublayer| {
                let site = NormSite::Block(SublayerSite { layer, sublayer });
                frozen.norm(site).cloned()
            };
            Ok(Self {
                plan,
                attention: AttentionPlan {
                    heads,
                    reach: plan.reach,
                    bias: bias.clone(),
                },
                rotary: plan.rotary.map(&mut rotary),
                projections: match linear(Linear::QueryKeyValue) {
                    Ok(fused) => Projections::Fused(fused),
                    Err(_) => Projections::Three([
                        linear(Linear::Query)?,
                        linear(Linear::Key)?,
                        linear(Linear::Value)?,
                    ]),
                },
                attention_output: linear(Linear::AttentionOutput)?,
                ffn_up: linear(Linear::FfnUp)?,
                ffn_down: linear(Linear::FfnDown)?,
                norms: Sublayer::ALL.map(norm),
                scales: Sublayer::ALL.map(|sublayer| {
                    frozen
                        .scales
                        .get(&SublayerSite { layer, sublayer })
                        .cloned()
                }),
            })
        });
        blocks.collect()
    }

    /// `x`: `[tokens, hidden size]` through the block. It waits only for the keys and values of other places.
    pub(super) async fn forward(&self, at: &At<'_>, x: Tensor, starts: &Arc<[usize]>) -> Tensor {
        at.watch(&x);
        let h = self.enter(at, Sublayer::Attention, &x);
        let h = self.attend(at, h, starts).await;
        let x = self.leave(at, Sublayer::Attention, h, &x);
        at.watch(&x);
        let h = self.enter(at, Sublayer::Ffn, &x);
        let h = self.feed_forward(at, &h);
        let x = self.leave(at, Sublayer::Ffn, h, &x);
        at.watch(&x);
        x
    }

    /// What a half block computes with, behind its norm if that stands before it.
    fn enter(&self, at: &At<'_>, sublayer: Sublayer, x: &Tensor) -> Tensor {
        let site = NormSite::Block(at.sublayer(sublayer));
        match &self.norms[sublayer as usize] {
            Some(norm) if self.plan.norm_first => at.hook.norm(site, x, norm),
            _ => x.clone(),
        }
    }

    /// The output `h` of a half block joined with its input, and the norm behind the sum if it stands there.
    fn leave(&self, at: &At<'_>, sublayer: Sublayer, h: Tensor, residual: &Tensor) -> Tensor {
        let site = at.sublayer(sublayer);
        if self.plan.norm_first {
            let h = match &self.scales[sublayer as usize] {
                Some(scale) => scale_columns(&h, scale),
                None => h,
            };
            return at.hook.sublayer(site, h, residual, Join(None));
        }
        let norm = Join(self.norms[sublayer as usize].as_ref());
        let y = at.hook.sublayer(site, h, residual, norm);
        at.hook.after_norm(NormSite::Block(site), y)
    }

    async fn attend(&self, at: &At<'_>, x: Tensor, starts: &Arc<[usize]>) -> Tensor {
        let [mut q, mut k, v] = self.projections(at.layer, &x, at.hook);
        drop(x);
        [&q, &k, &v].into_iter().for_each(|x| at.watch(x));
        if let Some(rotary) = &self.rotary {
            let positions = match at.portion {
                Some(portion) => portion.positions(),
                None => starts.windows(2).flat_map(|s| 0..s[1] - s[0]).collect(),
            };
            q = rotate(q, rotary, &positions);
            k = rotate(k, rotary, &positions);
        }
        let mut input = Attention {
            q,
            k,
            v,
            plan: self.attention.clone(),
            starts: Arc::clone(starts),
            queries: None,
        };
        if let Some(portion) = at.portion {
            input = portion.with_all_keys(input).await;
        }
        let site = LinearSite::new(at.layer, Linear::AttentionOutput);
        let h = at.hook.attention(at.layer, input);
        let h = at.hook.before_linear(site, h);
        at.watch(&h);
        let y = self.attention_output.forward(&h);
        at.hook.after_linear(site, &h, y)
    }

    fn feed_forward(&self, at: &At<'_>, x: &Tensor) -> Tensor {
        let hook = at.hook;
        let up = LinearSite::new(at.layer, Linear::FfnUp);
        let h = hook.before_linear(up, x.clone());
        let fused = self.plan.activation == Activation::Gelu && !self.plan.gated;
        let h = if fused && !hook.changes_output(up) {
            self.ffn_up.forward_gelu(&h)
        } else {
            let y = hook.after_linear(up, &h, self.ffn_up.forward(&h));
            at.watch(&y);
            self.activate(y)
        };
        let down = LinearSite::new(at.layer, Linear::FfnDown);
        let h = hook.before_linear(down, h);
        at.watch(&h);
        let y = self.ffn_down.forward(&h);
        hook.after_linear(down, &h, y)
    }

    /// The nonlinearity, of the first half and times the second where there is a gate (Shazeer 2020).
    fn activate(&self, y: Tensor) -> Tensor {
        if !self.plan.gated {
            return self.plan.activation.forward(y);
        }
        let width = y.dims2().1 / 2;
        let inner = self.plan.activation.forward(columns(&y, 0, width));
        multiply(&inner, &columns(&y, width, width))
    }

    /// Queries, keys and values. They have one input, unless an adapter gives them different ones.
    fn projections(&self, layer: usize, x: &Tensor, hook: &dyn Hook) -> [Tensor; 3] {
        let site = |linear| LinearSite::new(layer, linear);
        let through = |site, layer: &FrozenLinear| {
            let x = hook.before_linear(site, x.clone());
            hook.after_linear(site, &x, layer.forward(&x))
        };
        let split = |y: &Tensor| {
            let width = y.dims2().1 / 3;
            [0, 1, 2].map(|part| columns(y, part * width, width))
        };
        match &self.projections {
            Projections::Fused(layer) => split(&through(site(Linear::QueryKeyValue), layer)),
            Projections::Three(layers) => {
                let sites = [Linear::Query, Linear::Key, Linear::Value].map(site);
                let [query, key, value] = sites;
                let [q, k, v] = layers;
                if sites.iter().any(|&site| hook.changes_input(site)) {
                    return [through(query, q), through(key, k), through(value, v)];
                }
                let project = |x: &Tensor| FrozenLinear::forward_all([q, k, v], x);
                let [q, k, v] = hook.projections(layer, x, &project);
                [
                    hook.after_linear(query, x, q),
                    hook.after_linear(key, x, k),
                    hook.after_linear(value, x, v),
                ]
            }
        }
    }
}
