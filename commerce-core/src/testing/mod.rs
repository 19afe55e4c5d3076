//! What tests and other people's adapters need: the reference adapters in memory, a clock that is
//! set by hand, seeded randomness, and the conformance suites every adapter passes.

mod clock;
pub mod conformance;
pub mod fault;
pub mod memory;
pub mod replay;
pub mod samples;
mod shop;
pub mod sim;

pub use clock::{ManualClock, SeededEntropy};
pub use shop::MemoryShop;
