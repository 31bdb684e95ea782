//! Grinding: what is kept stays, and what misses is not paid.

use aidragon_primitives::task::MatchingPolicy;
use aidragon_sim::{
	grinding::{run, Options, Report},
	progress::Progress,
};

fn ran(machines: u32, tries: u32) -> Report {
	let options = Options { machines, tries, policy: MatchingPolicy::Cheapest, seed: 1 };
	run(&options, &mut Progress::new(true)).unwrap()
}

#[test]
fn the_chosen_machine_is_on_line_and_has_room_to_the_end() {
	// The first hit is older than any short deadline when the last task is drawn.
	let report = ran(10, 1_000);
	for attack in [&report.hits_settled, &report.hits_kept] {
		assert!((60..150).contains(&attack.hits), "{attack:?}");
		assert_eq!((attack.hits + attack.cancelled, attack.paid_for_misses), (1_000, 0));
		assert!(attack.fees_lost_drgn > 0.0 && attack.p_value_of_hits > 0.001, "{attack:?}");
	}
}

#[test]
fn of_one_machine_every_try_is_a_hit() {
	let report = ran(1, 200);
	let attack = &report.hits_kept;
	assert_eq!((attack.hits, attack.cancelled, attack.fees_lost_drgn), (200, 0, 0.0));
	assert_eq!((attack.p_value, attack.p_value_of_hits), (1.0, 1.0));
}
