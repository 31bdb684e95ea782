//! Int8 matrix multiplication in the fastest way that this processor has.
//!
//! Every kernel gives the same sums as [`Portable`], bit for bit, which its tests show; so a machine's score
//! depends on its speed and on nothing else. What the processor can do is asked when the program runs.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod tiling;

pub use aidragon_primitives::challenge::{Kernel, Portable};

/// The kernels that this processor can run, fastest first. The last is [`Portable`].
pub fn available() -> Vec<&'static dyn Kernel> {
	let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
	#[cfg(target_arch = "x86_64")]
	{
		kernels.extend(avx512::Avx512::detect().map(|kernel| kernel as &dyn Kernel));
		kernels.extend(avx2::Avx2::detect().map(|kernel| kernel as &dyn Kernel));
	}
	kernels.push(&Portable);
	kernels
}

/// The fastest kernel that this processor can run.
pub fn fastest() -> &'static dyn Kernel {
	available().first().copied().unwrap_or(&Portable)
}

#[cfg(test)]
mod tests;
