use crate::kernels::{LowRank, LowRankGradients, Variant};
use crate::tensor::{Buffer, Inputs, Tensor};

/// `y + s x Aᵀ Bᵀ`: LoRA's update of a layer's output (Hu et al. 2021).
///
/// `x`: `[tokens, in]`, `y`: `[tokens, out]`, `a`: `[rank, in]`, `b`: `[out, rank]`. With h = x Aᵀ and
/// dh = s dy B: dx = dh A, dA = dhᵀ x, dB = s dyᵀ h.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn add_low_rank(y: Tensor, x: &Tensor, a: &Tensor, b: &Tensor, s: f32) -> Tensor {
    let ((tokens, input), (rank, _), (output, _)) = (x.dims2(), a.dims2(), b.dims2());
    assert_eq!(
        (a.shape(), b.shape()),
        (&[rank, input][..], &[output, rank][..])
    );
    assert_eq!(y.shape(), [tokens, output]);
    let inputs = [y.handle(), x.handle(), a.handle(), b.handle()];
    let variant = Variant::best();
    let mut y = y.into_buffer();
    let mut h = Buffer::uninitialised(tokens * rank);
    update(a, b, s).add(variant, x.data(), &mut h, &mut y);
    Tensor::result(y, &[tokens, output], inputs, || {
        let (x, a, b) = (x.detach(), a.detach(), b.detach());
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let (mut da, mut db) = (
                Buffer::uninitialised(a.len()),
                Buffer::uninitialised(b.len()),
            );
            let mut backward = |dx: Option<&mut [f32]>| {
                let (da, db) = (&mut *da, &mut *db);
                let gradients = LowRankGradients { dx, da, db };
                update(&a, &b, s).backward(variant, x.data(), &h, &dy, gradients);
            };
            if inputs.wants(1) {
                inputs.add_to(1, x.len(), |dx| backward(Some(dx)));
            } else {
                backward(None);
            }
            inputs.give(2, da);
            inputs.give(3, db);
            inputs.give(0, dy);
        }
    })
}

fn update<'a>(a: &'a Tensor, b: &'a Tensor, scale: f32) -> LowRank<'a> {
    LowRank {
        a: a.data(),
        b: b.data(),
        rank: b.dims2().1,
        scale,
    }
}
