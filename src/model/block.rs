use std::sync::Arc;

use super::overflow::Overflow;
use super::relative::relative_bias;
use super::{Anatomy, Attention, BlockPlan, Frozen, Hook, Join, Linear, LinearSite, NormSite};
use super::{Place, Sublayer, SublayerSite};
use crate::kernels::Rotary;
use crate::ops::{Activation, AttentionPlan, FrozenLinear, LayerNorm, columns, multiply, rotate};
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
}

/// Queries, keys and values.
enum Projections {
    Three([FrozenLinear; 3]),
    Fused(FrozenLinear),
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
            })
        });
        blocks.collect()
    }

    /// `x`: `[tokens, hidden size]` through the block.
    pub(super) fn forward(
        &self,
        layer: usize,
        x: Tensor,
        starts: &Arc<[usize]>,
        hook: &dyn Hook,
        overflow: Option<&Overflow>,
    ) -> Tensor {
        let watch = |x: &Tensor| {
            if let Some(overflow) = overflow {
                overflow.watch(x);
            }
        };
        watch(&x);
        let x = self.half(layer, Sublayer::Attention, x, hook, |x| {
            self.attend(layer, x, starts, hook, &watch)
        });
        watch(&x);
        let x = self.half(layer, Sublayer::Ffn, x, hook, |x| {
            self.feed_forward(layer, x, hook, &watch)
        });
        watch(&x);
        x
    }

    /// A half block with its norm, before it or behind the sum.
    fn half(
        &self,
        layer: usize,
        sublayer: Sublayer,
        x: Tensor,
        hook: &dyn Hook,
        compute: impl FnOnce(&Tensor) -> Tensor,
    ) -> Tensor {
        let site = SublayerSite { layer, sublayer };
        let norm = self.norms[sublayer as usize].as_ref();
        let place = NormSite::Block(site);
        if self.plan.norm_first {
            let h = match norm {
                Some(norm) => compute(&hook.norm(place, &x, norm)),
                None => compute(&x),
            };
            return hook.sublayer(site, h, &x, Join(None));
        }
        let h = compute(&x);
        hook.after_norm(place, hook.sublayer(site, h, &x, Join(norm)))
    }

    fn attend(
        &self,
        layer: usize,
        x: &Tensor,
        starts: &Arc<[usize]>,
        hook: &dyn Hook,
        watch: &dyn Fn(&Tensor),
    ) -> Tensor {
        let [mut q, mut k, v] = self.projections(layer, x, hook);
        [&q, &k, &v].into_iter().for_each(watch);
        if let Some(rotary) = &self.rotary {
            q = rotate(q, rotary, starts);
            k = rotate(k, rotary, starts);
        }
        let input = Attention {
            q,
            k,
            v,
            plan: self.attention.clone(),
            starts: Arc::clone(starts),
        };
        let site = LinearSite::new(layer, Linear::AttentionOutput);
        let h = hook.before_linear(site, hook.attention(layer, input));
        watch(&h);
        let y = self.attention_output.forward(&h);
        hook.after_linear(site, &h, y)
    }

    fn feed_forward(
        &self,
        layer: usize,
        x: &Tensor,
        hook: &dyn Hook,
        watch: &dyn Fn(&Tensor),
    ) -> Tensor {
        let up = LinearSite::new(layer, Linear::FfnUp);
        let h = hook.before_linear(up, x.clone());
        let fused = self.plan.activation == Activation::Gelu && !self.plan.gated;
        let h = if fused && !hook.changes_output(up) {
            self.ffn_up.forward_gelu(&h)
        } else {
            let y = hook.after_linear(up, &h, self.ffn_up.forward(&h));
            watch(&y);
            self.activate(y)
        };
        let down = LinearSite::new(layer, Linear::FfnDown);
        let h = hook.before_linear(down, h);
        watch(&h);
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
