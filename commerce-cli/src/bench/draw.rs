//! Random choices that a seed repeats, uniform and by Zipf's law.

/// A small generator (`SplitMix64`, Steele, Lea and Flood 2014); good enough to choose products by.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `count` places; `count` is at least 1.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let wide = u128::from(self.next()) * count as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// One of these.
    pub(crate) fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Ranks drawn by Zipf's law with exponent 1: the second is asked for half as often as the first.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// Sums of the weights up to each rank, scaled to all of `u64`.
    sums: Vec<u64>,
}

impl Zipf {
    /// Over `count` ranks, at least one.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "weights are a model; the last bits of them do not matter"
    )]
    pub(crate) fn new(count: usize) -> Self {
        let whole: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        let sums = (1..=count).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64 / whole;
            Some((*sum * u64::MAX as f64) as u64)
        });
        Self { sums: sums.collect() }
    }

    /// A rank, the first being 0.
    pub(crate) fn draw(&self, draw: &mut Draw) -> usize {
        let point = draw.next();
        self.sums.partition_point(|sum| *sum < point).min(self.sums.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_is_drawn_twice_as_often_as_the_second() {
        let (zipf, mut draw) = (Zipf::new(1_000), Draw::new(7));
        let mut counts = [0_u32; 1_000];
        for _ in 0..200_000 {
            counts[zipf.draw(&mut draw)] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(counts[999] < counts[0] / 100);
    }
}
