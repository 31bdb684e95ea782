//! Providers, worker machines, their offers and what they proved.

use crate::{Balance, BlockNumber, WorkerId};
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Socket addresses under which one transport key may be announced.
pub const SOCKETS_MAX: u32 = 4;
/// Bytes of one socket address in text form, such as `203.0.113.7:4433` or `[2001:db8::1]:4433`.
pub const SOCKET_BYTES_MAX: u32 = 56;

/// A socket address as text: an IP address, a colon and a port.
pub type SocketText = BoundedVec<u8, ConstU32<SOCKET_BYTES_MAX>>;

/// Where blobs can be fetched: a transport key and the sockets at which its holder listens.
#[derive(
	Clone,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct TransportAddress {
	/// The ed25519 key that the QUIC endpoint proves on every connection.
	pub node_key: [u8; 32],
	/// QUIC sockets (UDP), in text form, best first.
	pub sockets: BoundedVec<SocketText, ConstU32<SOCKETS_MAX>>,
	/// A plain HTTP socket that serves the same blobs at `/blobs/<hash>`, if there is one.
	pub http: Option<SocketText>,
}

impl TransportAddress {
	/// The first field that is not a socket address, if any: what a caller should mend.
	pub fn malformed_field(&self) -> Option<&'static str> {
		if self.sockets.iter().any(|socket| !is_socket(socket)) {
			return Some("sockets");
		}
		match &self.http {
			Some(socket) if !is_socket(socket) => Some("http"),
			_ => None,
		}
	}
}

fn is_socket(text: &[u8]) -> bool {
	core::str::from_utf8(text).is_ok_and(|text| text.parse::<core::net::SocketAddr>().is_ok())
}

/// What a machine has or what a task needs of it while it runs.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Capacity {
	/// Virtual processors.
	pub vcpus: u16,
	/// Memory in MiB.
	pub memory_mib: u32,
}

impl Capacity {
	/// Whether all of `needed` fits in.
	pub fn holds(&self, needed: &Capacity) -> bool {
		self.vcpus >= needed.vcpus && self.memory_mib >= needed.memory_mib
	}

	/// The sum, or `None` where a field overflows.
	pub fn checked_add(&self, other: &Capacity) -> Option<Capacity> {
		Some(Capacity {
			vcpus: self.vcpus.checked_add(other.vcpus)?,
			memory_mib: self.memory_mib.checked_add(other.memory_mib)?,
		})
	}

	/// What is left, with zero where more is taken than there is.
	pub fn saturating_sub(&self, other: &Capacity) -> Capacity {
		Capacity {
			vcpus: self.vcpus.saturating_sub(other.vcpus),
			memory_mib: self.memory_mib.saturating_sub(other.memory_mib),
		}
	}

	/// The smaller of each field.
	pub fn min(&self, other: &Capacity) -> Capacity {
		Capacity {
			vcpus: self.vcpus.min(other.vcpus),
			memory_mib: self.memory_mib.min(other.memory_mib),
		}
	}
}

/// Blocks for which a sign of life counts.
pub const LIVENESS_BLOCKS: u32 = 40;
/// Blocks between two signs of life that a daemon aims for.
pub const HEARTBEAT_BLOCKS: u32 = 12;

/// What registers a machine.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Registration<AccountId> {
	/// The account that the daemon will sign with.
	pub hot_key: AccountId,
	/// The hot key's sr25519 signature under [`crate::attestation::hot_key_consent`].
	pub consent: [u8; 64],
	/// X25519 key to which inputs are encrypted.
	pub encryption_key: [u8; 32],
	/// Where results can be fetched.
	pub address: TransportAddress,
	/// What the machine says it has.
	pub claimed: Capacity,
	/// Asked price in smallest units per 10⁹ fuel.
	pub price_per_gfuel: Balance,
}

/// Proved throughput that one sold vCPU has to stand on, in million int8 operations per second.
pub const MOPS_PER_VCPU: u32 = 200;
/// Memory that one proved vCPU lets a machine sell, until memory is proved by itself.
pub const MEMORY_MIB_PER_VCPU: u32 = 16_384;

/// What a machine proved in its last challenge.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Capability {
	/// Proved throughput in million int8 operations per second of the chain's time.
	pub throughput_mops: u32,
	/// The block in which the openings were checked.
	pub proved_at: BlockNumber,
	/// The last block at which the proof still counts.
	pub valid_until: BlockNumber,
}

impl Capability {
	/// Whether the proof counts at block `now`.
	pub fn is_valid_at(&self, now: BlockNumber) -> bool {
		now <= self.valid_until
	}

	/// The part of `claimed` that the proof covers. A claim beyond it counts as nothing.
	pub fn proved_part(&self, claimed: &Capacity) -> Capacity {
		let vcpus = u16::try_from(self.throughput_mops / MOPS_PER_VCPU).unwrap_or(u16::MAX);
		claimed.min(&Capacity {
			vcpus,
			memory_mib: u32::from(vcpus).saturating_mul(MEMORY_MIB_PER_VCPU),
		})
	}
}

/// Whether a machine takes tasks.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum WorkerStatus {
	/// Takes tasks while it is live and its proof is valid.
	Active,
	/// Finishes what it has and takes nothing new.
	Draining,
	/// On its way out: takes nothing, and can be removed from `removable_at` on.
	Retiring {
		/// The first block in which the machine can be removed.
		removable_at: BlockNumber,
	},
}

/// A worker machine as the chain knows it.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Worker<AccountId> {
	/// The account whose bond stands behind the machine and that is paid.
	pub provider: AccountId,
	/// The account that the daemon signs with. It needs no balance.
	pub hot_key: AccountId,
	/// X25519 key to which inputs are encrypted.
	pub encryption_key: [u8; 32],
	/// Where results can be fetched.
	pub address: TransportAddress,
	/// What the machine says it has. Only the proved part is ever sold.
	pub claimed: Capacity,
	/// What running tasks hold of it.
	pub reserved: Capacity,
	/// Asked price in smallest units per 10⁹ fuel.
	pub price_per_gfuel: Balance,
	/// Whether it takes tasks.
	pub status: WorkerStatus,
	/// The last block in which the daemon showed itself; `None` once it missed a deadline and stayed away.
	pub last_seen: Option<BlockNumber>,
	/// Tasks it holds at the moment.
	pub running: u32,
	/// Results of its that were accepted.
	pub accepted: u32,
	/// Deadlines that it missed.
	pub missed: u32,
}

/// Someone who puts up a bond and stands behind machines.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Provider {
	/// The bond, on hold on the provider's account.
	pub bond: Balance,
	/// Registered machines, retiring ones included.
	pub workers: u32,
	/// Set once the provider asked to leave: the first block in which the bond can be withdrawn.
	pub withdrawable_at: Option<BlockNumber>,
}

/// A machine that may be given work at this block, with what scoring needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<AccountId> {
	/// The machine.
	pub worker: WorkerId,
	/// Its provider.
	pub provider: AccountId,
	/// Asked price in smallest units per 10⁹ fuel.
	pub price_per_gfuel: Balance,
	/// Proved capacity that no task holds.
	pub free: Capacity,
	/// Proved throughput in million int8 operations per second.
	pub throughput_mops: u32,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn p4_only_the_proved_part_of_a_claim_counts() {
		let capability = Capability { throughput_mops: 500, proved_at: 1, valid_until: 9 };
		let claimed = Capacity { vcpus: 64, memory_mib: 1 << 20 };
		let proved = capability.proved_part(&claimed);
		assert_eq!(proved, Capacity { vcpus: 2, memory_mib: 2 * MEMORY_MIB_PER_VCPU });
		let modest = Capacity { vcpus: 1, memory_mib: 512 };
		assert_eq!(capability.proved_part(&modest), modest);
		assert!(capability.is_valid_at(9) && !capability.is_valid_at(10));
	}

	#[test]
	fn a_capability_too_small_for_one_vcpu_proves_nothing() {
		let capability =
			Capability { throughput_mops: MOPS_PER_VCPU - 1, proved_at: 1, valid_until: 9 };
		let claimed = Capacity { vcpus: 1, memory_mib: 1 };
		assert_eq!(capability.proved_part(&claimed), Capacity::default());
	}

	#[test]
	fn malformed_sockets_are_named() {
		let text = |text: &str| SocketText::try_from(text.as_bytes().to_vec()).unwrap();
		let mut address = TransportAddress {
			node_key: [1; 32],
			sockets: vec![text("127.0.0.1:4433"), text("[::1]:4433")].try_into().unwrap(),
			http: None,
		};
		assert_eq!(address.malformed_field(), None);
		address.http = Some(text("localhost"));
		assert_eq!(address.malformed_field(), Some("http"));
		address.sockets = vec![text("127.0.0.1")].try_into().unwrap();
		assert_eq!(address.malformed_field(), Some("sockets"));
	}
}
