// SPDX-License-Identifier: MIT OR Apache-2.0
//! How alike two meanings are: the cosine of the angle between their vectors.

use priory_core::model::Vector;

/// How many sums are kept apart, so that a processor adds them at once.
const LANES: usize = 16;

/// Returns a vector of the same direction and of length one; `None` for one without a direction.
pub(crate) fn normal(vector: &Vector) -> Option<Vector> {
    let length = vector.0.iter().map(|number| f64::from(*number) * f64::from(*number)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a vector holds numbers of this size")]
    Some(Vector(vector.0.iter().map(|number| (f64::from(*number) / length) as f32).collect()))
}

/// Returns the cosine of the angle between two vectors of length one, of which one is read from bytes; `None` where their
/// lengths differ, since another model made one of them.
pub(crate) fn cosine(bytes: &[u8], vector: &[f32]) -> Option<f32> {
    let (numbers, []) = bytes.as_chunks::<4>() else { return None };
    if numbers.len() != vector.len() {
        return None;
    }
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    let (others, other_rest) = vector.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (chunk, other) in chunks.iter().zip(others) {
        for ((sum, number), other) in sums.iter_mut().zip(chunk).zip(other) {
            *sum += f32::from_le_bytes(*number) * other;
        }
    }
    let rest = rest.iter().zip(other_rest).map(|(number, other)| f32::from_le_bytes(*number) * other);
    let sum = sums.into_iter().chain(rest).sum::<f32>();
    sum.is_finite().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(numbers: &[f32]) -> Vector {
        Vector(numbers.into())
    }

    #[test]
    fn what_points_the_same_way_is_alike() {
        let check = |a: &[f32], b: &[f32], expected: f32| {
            let (a, b) = (normal(&vector(a)).unwrap(), normal(&vector(b)).unwrap());
            let found = cosine(&a.to_bytes(), &b.0).unwrap();
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        };
        check(&[1.0, 0.0], &[9.0, 0.0], 1.0);
        check(&[1.0, 0.0], &[0.0, 3.0], 0.0);
        check(&[1.0, 1.0], &[-2.0, -2.0], -1.0);
        check(&[3.0, 4.0], &[4.0, 3.0], 0.96);
        check(&[f32::MAX, f32::MAX], &[1.0, 1.0], 1.0);
        // Longer than the lanes, and with a rest.
        let long: Vec<f32> = (0..37_u8).map(f32::from).collect();
        check(&long, &long, 1.0);
        let mut other = long.clone();
        other[36] = -36.0;
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        check(&long, &other, dot(&long, &other) / dot(&long, &long));
    }

    #[test]
    fn what_has_no_direction_has_no_meaning() {
        for numbers in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
            assert_eq!(normal(&vector(numbers)), None, "{numbers:?}");
        }
        let bytes = vector(&[1.0, 0.0]).to_bytes();
        assert_eq!(cosine(&bytes, &[1.0]), None);
        assert_eq!(cosine(&bytes[..7], &[1.0, 0.0]), None);
        assert_eq!(cosine(&vector(&[f32::MAX, f32::MAX]).to_bytes(), &[f32::MAX, 1.0]), None);
    }
}
