//! What the pallet says: its events and errors.

use frame_support::pallet_macros::pallet_section;

/// Part of the pallet.
#[pallet_section]
mod events {
	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became a provider.
		ProviderRegistered {
			/// The account.
			provider: T::AccountId,
			/// Its bond.
			bond: Balance,
		},
		/// A provider raised its bond.
		BondIncreased {
			/// The provider.
			provider: T::AccountId,
			/// The bond from now on.
			bond: Balance,
		},
		/// A machine was registered. It gets work once it proved what it can do.
		WorkerRegistered {
			/// The machine.
			worker: WorkerId,
			/// Its provider.
			provider: T::AccountId,
			/// The account its daemon signs with.
			hot_key: T::AccountId,
		},
		/// A machine asks something else.
		OfferUpdated {
			/// The machine.
			worker: WorkerId,
			/// What holds from now on, for tasks that are drawn from now on.
			offer: Offer,
		},
		/// A provider said where a machine stands and what it runs on.
		SiteDeclared {
			/// The machine.
			worker: WorkerId,
			/// What it said.
			site: Site,
		},
		/// An attestor signed what a machine runs on.
		EnergyAttested {
			/// The machine.
			worker: WorkerId,
			/// The attestor.
			attestor: T::AccountId,
			/// What the machine runs on.
			energy: EnergySource,
		},
		/// Governance listed an attestor, or took it off the list.
		AttestorChanged {
			/// The account.
			attestor: T::AccountId,
			/// Whether it is listed now.
			is_listed: bool,
		},
		/// Governance changed what the tiers take.
		ThresholdsChanged {
			/// What holds from now on.
			thresholds: Thresholds,
		},
		/// The tiers that a machine's proofs have earned it changed.
		StandingChanged {
			/// The machine.
			worker: WorkerId,
			/// What holds from now on.
			standing: Standing,
		},
		/// The chain asks these machines whether they are there. They have two blocks to answer.
		WorkersCalled {
			/// The machines.
			workers: Vec<WorkerId>,
		},
		/// A machine did not answer a call and gets nothing until it shows itself.
		CallMissed {
			/// The machine.
			worker: WorkerId,
			/// The block of the call.
			called_at: BlockNumber,
		},
		/// A machine is not on line any more.
		WorkerOffline {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine has other keys or another address.
		EndpointUpdated {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine claims to have something else.
		CapacityUpdated {
			/// The machine.
			worker: WorkerId,
			/// What it claims from now on.
			claimed: Capacity,
		},
		/// A machine showed itself after it had been taken for gone.
		WorkerOnline {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine takes nothing new, takes work again, or is on its way out.
		StatusChanged {
			/// The machine.
			worker: WorkerId,
			/// What holds from now on.
			status: WorkerStatus,
		},
		/// A machine was removed.
		WorkerRemoved {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine missed a deadline and gets nothing until it shows itself.
		DeadlineMissed {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine made a statement that the chain saw to be false, and its provider lost of its bond.
		BondSlashed {
			/// The machine.
			worker: WorkerId,
			/// Its provider.
			provider: T::AccountId,
			/// What it lost.
			amount: Balance,
			/// The part of it that went to whoever showed the statement to be false. The treasury got the rest.
			rewarded: Balance,
		},
		/// A provider asked to leave.
		ExitRequested {
			/// The provider.
			provider: T::AccountId,
			/// The first block in which the bond can be withdrawn.
			withdrawable_at: BlockNumber,
		},
		/// A provider left with its bond.
		BondWithdrawn {
			/// The provider.
			provider: T::AccountId,
			/// What was returned.
			bond: Balance,
		},
	}

	/// What can go wrong.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is a provider already. Use `increase_bond` to raise its bond.
		ProviderExists,
		/// The account is not a provider. Call `register_provider` first.
		NotProvider,
		/// The bond does not cover the machines: `BondPerWorker` is needed for each. Call `increase_bond`.
		BondTooLow,
		/// The account has not enough free balance for the bond.
		InsufficientBalance,
		/// The provider asked to leave and cannot register or bond any more.
		ProviderLeaving,
		/// The provider has as many machines as it may have.
		TooManyWorkers,
		/// Another machine signs with this hot key. Each machine needs a key of its own.
		HotKeyInUse,
		/// A hot key must not be the provider's own account, which holds the money.
		HotKeyIsProvider,
		/// `consent` is not the hot key's signature over this chain's genesis hash and the provider's account.
		BadConsent,
		/// `offer.price_per_gfuel` must be above 0.
		PriceIsZero,
		/// `offer.hours` must be two different minutes of a day, each 0 to 1439.
		MalformedHours,
		/// `offer.refuses` must name known kinds of tasks, and not all of them. Call `pause` for a machine that takes none.
		MalformedRefusal,
		/// `site.region` must be two capital letters, as in ISO 3166-1.
		MalformedRegion,
		/// The caller is not on governance's list of attestors.
		NotAttestor,
		/// An attestor cannot attest a machine of its own.
		OwnAttestation,
		/// The machine's provider declares another energy source. It has to call `declare_site` first.
		EnergyDiffers,
		/// The account is on the list already, or is not.
		AttestorUnchanged,
		/// `thresholds` must rise from tier to tier, from above 0 on.
		MalformedThresholds,
		/// `claimed` must be at least 1 vCPU and 1 MiB.
		NothingClaimed,
		/// `claimed.gpus` must be at most 16, of a class from 0 to 15.
		MalformedGpus,
		/// `address` must name at least one socket, each as `address:port`.
		MalformedAddress,
		/// There is no machine of that number.
		NoSuchWorker,
		/// The caller is neither the machine's provider nor, where that is enough, its hot key.
		NotYourWorker,
		/// The caller is not the hot key of any machine.
		NotAHotKey,
		/// The machine is on its way out.
		WorkerRetiring,
		/// The machine is in that state already.
		StatusUnchanged,
		/// The machine still has tasks. Wait until it delivered them or missed their deadlines.
		WorkerBusy,
		/// It is too early: the delay since asking to leave is not over.
		TooEarly,
		/// The provider still has machines. Retire and remove them first.
		WorkersRemain,
		/// The provider did not ask to leave. Call `exit_provider` first.
		NotLeaving,
		/// Running tasks hold more than that. Drain the machine, and lower the claim once they are over.
		CapacityReserved,
		/// A counter reached its end.
		Overflow,
	}
}
