use crate::error::Result;
use crate::input::Batch;
use crate::model::{Attention, Embedder, Hook, Join, LinearSite, NormSite, States, SublayerSite};
use crate::ops::LayerNorm;
use crate::tensor::Tensor;

/// A hook of both encoders as one of them sees it, whose first layer has the number `first`. It changes nothing outside of the
/// blocks.
pub(super) struct Own<'a> {
    pub(super) hook: &'a dyn Hook,
    pub(super) first: usize,
}

impl Own<'_> {
    fn linear(&self, site: LinearSite) -> Option<LinearSite> {
        site.behind(self.first)
    }

    fn half(&self, site: SublayerSite) -> SublayerSite {
        site.behind(self.first)
    }
}

impl Hook for Own<'_> {
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        embedder.tokens(batch, 0)
    }

    fn changes_embeddings(&self) -> bool {
        false
    }

    fn first_position(&self) -> usize {
        0
    }

    fn before_linear(&self, site: LinearSite, x: Tensor) -> Tensor {
        match self.linear(site) {
            Some(site) => self.hook.before_linear(site, x),
            None => x,
        }
    }

    fn changes_input(&self, site: LinearSite) -> bool {
        let site = self.linear(site);
        site.is_some_and(|site| self.hook.changes_input(site))
    }

    fn projections(
        &self,
        layer: usize,
        x: &Tensor,
        project: &dyn Fn(&Tensor) -> [Tensor; 3],
    ) -> [Tensor; 3] {
        self.hook.projections(layer + self.first, x, project)
    }

    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        match self.linear(site) {
            Some(site) => self.hook.after_linear(site, x, y),
            None => y,
        }
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        let site = self.linear(site);
        site.is_some_and(|site| self.hook.changes_output(site))
    }

    fn norm(&self, site: NormSite, x: &Tensor, norm: &LayerNorm) -> Tensor {
        match site.behind(self.first) {
            Some(site) => self.hook.norm(site, x, norm),
            None => norm.forward(x),
        }
    }

    fn after_norm(&self, site: NormSite, y: Tensor) -> Tensor {
        match site.behind(self.first) {
            Some(site) => self.hook.after_norm(site, y),
            None => y,
        }
    }

    fn changes_norm(&self, site: NormSite) -> bool {
        let site = site.behind(self.first);
        site.is_some_and(|site| self.hook.changes_norm(site))
    }

    fn sublayer(&self, site: SublayerSite, h: Tensor, residual: &Tensor, norm: Join<'_>) -> Tensor {
        self.hook.sublayer(self.half(site), h, residual, norm)
    }

    fn changes_sublayer(&self, site: SublayerSite) -> bool {
        self.hook.changes_sublayer(self.half(site))
    }

    fn key_value_prefix(&self, layer: usize) -> Option<(Tensor, Tensor)> {
        self.hook.key_value_prefix(layer + self.first)
    }

    fn attention(&self, layer: usize, input: Attention) -> Tensor {
        self.hook.attention(layer + self.first, input)
    }

    fn lowest_layer(&self) -> Option<usize> {
        let lowest = self.hook.lowest_layer()?;
        Some(lowest.saturating_sub(self.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sublayer;

    struct Said;

    impl Hook for Said {
        fn changes_input(&self, site: LinearSite) -> bool {
            site.layer == Some(7)
        }

        fn changes_output(&self, site: LinearSite) -> bool {
            site.layer == Some(7)
        }

        fn changes_norm(&self, site: NormSite) -> bool {
            matches!(site, NormSite::Block(site) if site.layer == 7) || site == NormSite::Final
        }

        fn changes_sublayer(&self, site: SublayerSite) -> bool {
            site.layer == 7
        }

        fn changes_embeddings(&self) -> bool {
            true
        }

        fn lowest_layer(&self) -> Option<usize> {
            Some(7)
        }
    }

    #[test]
    fn layers_are_those_of_the_whole() {
        let own = Own {
            hook: &Said,
            first: 5,
        };
        let sublayer = Sublayer::Ffn;
        for layer in 0..4 {
            let is_third = layer == 2;
            let linear = LinearSite::new(layer, crate::model::Linear::Query);
            let half = SublayerSite { layer, sublayer };
            assert_eq!(own.changes_input(linear), is_third);
            assert_eq!(own.changes_output(linear), is_third);
            assert_eq!(own.changes_sublayer(half), is_third);
            assert_eq!(own.changes_norm(NormSite::Block(half)), is_third);
        }
        assert!(!own.changes_norm(NormSite::Final));
        assert!(!own.changes_input(LinearSite::POOLER));
        assert!(!own.changes_embeddings());
        assert_eq!(own.lowest_layer(), Some(2));
    }
}
