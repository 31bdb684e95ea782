//! Machines of the tests: who owns them, what they proved and ask, and what the chain knows of them.

use super::*;

pub(crate) fn pair(number: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[number; 32])
}

pub(crate) fn account(number: u8) -> AccountId {
	AccountId::from(pair(number).public())
}

pub(crate) fn provider(worker: WorkerId) -> AccountId {
	account(10 + worker as u8)
}

pub(crate) fn hot_key(worker: WorkerId) -> AccountId {
	account(100 + worker as u8)
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub(crate) fn address() -> TransportAddress {
	let socket = SocketText::try_from(b"127.0.0.1:4433".to_vec()).unwrap();
	TransportAddress { node_key: [1; 32], sockets: vec![socket].try_into().unwrap(), http: None }
}

pub(crate) fn set_capability(worker: WorkerId, capability: Option<Capability>) {
	CAPABILITIES.with(|map| match capability {
		Some(capability) => map.borrow_mut().insert(worker, capability),
		None => map.borrow_mut().remove(&worker),
	});
	for slot in Slot::ALL {
		<NodeRegistry as interface::Standings>::proved(worker, slot, true);
	}
}

/// So much throughput and memory, proved until block `valid_until`.
pub(crate) fn proved(throughput_mops: u32, valid_until: BlockNumber) -> Option<Capability> {
	let proof = |amount| Some(Proof { amount, proved_at: 1, valid_until });
	Some(Capability { processor: proof(throughput_mops), memory: proof(1 << 20), gpus: None })
}

/// Registers machine number `worker` of a provider of its own: 4 vCPUs proved, live from now on.
pub(crate) fn add_worker(worker: WorkerId, price_per_gfuel: Balance) {
	assert_ok!(NodeRegistry::register_provider(signed(provider(worker)), BOND));
	let claimed = Capacity::cpu(4, 4_096);
	add_machine(worker, provider(worker), Offer::at(price_per_gfuel), claimed);
	prove(worker, proved(2_000, 100_000));
}

/// Registers machine number `worker` of a provider of its own that has, and proved, as much as is said.
pub(crate) fn add_large_worker(worker: WorkerId, price_per_gfuel: Balance, claimed: Capacity) {
	assert_ok!(NodeRegistry::register_provider(signed(provider(worker)), BOND));
	add_machine(worker, provider(worker), Offer::at(price_per_gfuel), claimed);
	let gpus = GpuProof { gpus: claimed.gpus, proved_at: 1, valid_until: 100_000 };
	let proved = proved(u32::from(claimed.vcpus) * MOPS_PER_VCPU, 100_000);
	prove(worker, proved.map(|capability| Capability { gpus: Some(gpus), ..capability }));
}

/// Lets a machine show that it proved something.
pub(crate) fn prove(worker: WorkerId, capability: Option<Capability>) {
	set_capability(worker, capability);
	come_online(worker);
}

/// The machine shows itself from now on.
pub(crate) fn come_online(worker: WorkerId) {
	assert_ok!(NodeRegistry::heartbeat(signed(hot_key(worker))));
	go_offline(worker);
	ONLINE.with(|online| online.borrow_mut().push(worker));
}

/// Registers machine number `worker` of `owner`, which proved nothing and did not show itself.
pub(crate) fn add_machine(worker: WorkerId, owner: AccountId, offer: Offer, claimed: Capacity) {
	let key = hot_key(worker);
	let payload = hot_key_consent(&[69; 32], &owner.encode());
	let registration = Registration {
		hot_key: key,
		consent: pair(100 + worker as u8).sign(&payload).0,
		encryption_key: [1; 32],
		address: address(),
		claimed,
		offer,
		site: Default::default(),
	};
	assert_ok!(NodeRegistry::register_worker(signed(owner), registration));
}

/// Changes what `worker` asks.
pub(crate) fn set_offer(worker: WorkerId, offer: Offer) {
	assert_ok!(NodeRegistry::update_offer(signed(provider(worker)), worker, offer));
}

/// So many machines of the shape of [`add_worker`]'s that ask too much, of which the supply knows and the registry does not.
pub(crate) fn crowd(count: u32) {
	for worker in 0..count {
		let shown = TaskMatching::supplied(0).unwrap();
		let dear = Offer::at(1_000 * DRGN);
		let entry = Entry { worker: 1_000 + worker, offer: dear, provider: [9; 8], ..shown };
		supply::insert(&mut crate::store::ChainStore::<Test>::new(), entry);
	}
}

/// What is at stake of the bond behind `worker`.
pub(crate) fn at_stake(worker: WorkerId) -> Balance {
	pallet_node_registry::Providers::<Test>::get(provider(worker)).unwrap().at_stake
}

/// The machine shows itself no more.
pub(crate) fn go_offline(worker: WorkerId) {
	ONLINE.with(|online| online.borrow_mut().retain(|other| *other != worker));
}

/// The record of a machine.
pub(crate) fn worker(id: WorkerId) -> Worker<AccountId> {
	pallet_node_registry::Workers::<Test>::get(id).unwrap()
}

/// Whether the registry counts a machine as being there.
pub(crate) fn is_online(id: WorkerId) -> bool {
	worker(id).availability.is_online()
}

/// What a machine has left, as the supply shows it.
pub(crate) fn supplied(id: WorkerId) -> Option<Free> {
	TaskMatching::supplied(id).map(|entry| entry.free)
}
