use crate::order::ascending;

/// A singular value decomposition `A = U diag(s) Vᵀ`, the largest values first.
#[derive(Clone, Debug)]
pub struct Svd {
    /// Columns of `U`, each of A's rows' length.
    pub left: Vec<Vec<f64>>,
    /// The singular values that are not zero.
    pub values: Vec<f64>,
    /// Columns of `V`, each of A's columns' length.
    pub right: Vec<Vec<f64>>,
}

/// Sweeps over all pairs of columns; convergence is quadratic and takes a handful.
const SWEEPS: usize = 40;

/// Decomposes the product `P Q` of a few columns `P` and as many rows `Q`, both given as lists of
/// vectors: P's columns, Q's rows. Its rank is at most their number, which is what makes it cheap:
/// `P = E R` and `Qᵀ = F T` with orthonormal columns E, F, and then the small `R Tᵀ` by one-sided Jacobi
/// rotations (Hestenes 1958; Demmel and Veselić 1992 on its accuracy).
///
/// # Panics
/// If there are not as many columns as rows, or lengths differ within a list.
#[must_use]
pub fn svd(columns: &[Vec<f64>], rows: &[Vec<f64>]) -> Svd {
    assert_eq!(columns.len(), rows.len());
    let ((e, r), (f, t)) = (orthonormal(columns), orthonormal(rows));
    // the columns of R Tᵀ: [e, f]
    let mut core: Vec<Vec<f64>> = (0..f.len())
        .map(|j| {
            let entry = |i: usize| r.iter().zip(&t).map(|(r, t)| r[i] * t[j]).sum();
            (0..e.len()).map(entry).collect()
        })
        .collect();
    let mut turned: Vec<Vec<f64>> = (0..f.len())
        .map(|j| (0..f.len()).map(|i| f64::from(u8::from(i == j))).collect())
        .collect();
    rotate(&mut core, &mut turned);

    let norms: Vec<f64> = core.iter().map(|column| norm(column)).collect();
    let falling: Vec<f64> = norms.iter().map(|norm| -norm).collect();
    let mut order = ascending(&falling);
    let largest = order.first().map_or(0.0, |&first| norms[first]);
    order.retain(|&index| norms[index] > largest * 1e-14);
    let expand = |basis: &[Vec<f64>], column: &[f64], factor: f64| {
        let mut sum = vec![0.0; basis.first().map_or(0, Vec::len)];
        for (vector, x) in basis.iter().zip(column) {
            add_scaled(&mut sum, vector, x * factor);
        }
        sum
    };
    Svd {
        left: order
            .iter()
            .map(|&i| expand(&e, &core[i], 1.0 / norms[i]))
            .collect(),
        right: order.iter().map(|&i| expand(&f, &turned[i], 1.0)).collect(),
        values: order.iter().map(|&i| norms[i]).collect(),
    }
}

/// Gram-Schmidt, twice over so that rounding leaves nothing: orthonormal vectors, and of each vector
/// given its coordinates in them. A vector that adds no direction adds no vector.
fn orthonormal(vectors: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut coordinates: Vec<Vec<f64>> = Vec::new();
    for vector in vectors {
        let whole = norm(vector);
        let mut rest = vector.clone();
        let mut own = vec![0.0; basis.len()];
        for _ in 0..2 {
            for (direction, sum) in basis.iter().zip(&mut own) {
                let part = dot(direction, &rest);
                *sum += part;
                add_scaled(&mut rest, direction, -part);
            }
        }
        let left = norm(&rest);
        if left > whole * 1e-13 {
            rest.iter_mut().for_each(|x| *x /= left);
            own.push(left);
            basis.push(rest);
        }
        coordinates.push(own);
    }
    for own in &mut coordinates {
        own.resize(basis.len(), 0.0);
    }
    (basis, coordinates)
}

/// Turns pairs of columns until all are orthogonal, and `turned` with them.
fn rotate(columns: &mut [Vec<f64>], turned: &mut [Vec<f64>]) {
    for _ in 0..SWEEPS {
        let mut still = true;
        for j in 1..columns.len() {
            for i in 0..j {
                let (a, b) = (dot(&columns[i], &columns[i]), dot(&columns[j], &columns[j]));
                let c = dot(&columns[i], &columns[j]);
                if c.abs() <= 1e-15 * (a * b).sqrt() {
                    continue;
                }
                still = false;
                let zeta = (b - a) / (2.0 * c);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                for vectors in [&mut *columns, &mut *turned] {
                    let (head, tail) = vectors.split_at_mut(j);
                    for (x, y) in head[i].iter_mut().zip(&mut tail[0]) {
                        let (old_x, old_y) = (*x, *y);
                        *x = cosine * (old_x - tangent * old_y);
                        *y = cosine * (tangent * old_x + old_y);
                    }
                }
            }
        }
        if still {
            return;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add_scaled(y: &mut [f64], x: &[f64], s: f64) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * x);
}
