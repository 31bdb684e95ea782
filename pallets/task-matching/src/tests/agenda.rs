//! The agenda under load.

use crate::{mock::*, Agenda, AgendaCursor, AgendaLength, WeightInfo};
use aidragon_primitives::{state::TaskState, DRGN};
use frame_support::{traits::Hooks, weights::Weight};

#[test]
fn what_does_not_fit_a_block_is_done_in_the_next() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		let per_item =
			TaskMatching::agenda_item_weight().saturating_add(<() as WeightInfo>::agenda_step());
		AgendaWeight::set(per_item.saturating_mul(4));
		let ids: Vec<_> = (0..10).map(|_| submit(spec(1))).collect();
		run_to(3);
		let assigned = || ids.iter().filter(|id| task(**id).state == TaskState::Assigned).count();
		assert!((1..10).contains(&assigned()), "{}", assigned());
		run_to(7);
		assert_eq!(assigned(), 10);
	});
}

#[test]
fn p6_a_block_takes_no_more_than_the_agendas_weight() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let limit = TaskMatching::agenda_item_weight().saturating_mul(3);
		AgendaWeight::set(limit);
		for _ in 0..20 {
			submit(spec(1));
		}
		for block in 2..30u64 {
			System::set_block_number(block);
			LatestBeacon::set(Some((block as u32 - 1, [1; 32])));
			let used: Weight = TaskMatching::on_initialize(block);
			assert!(used.all_lte(limit));
		}
	});
}

#[test]
fn entries_that_are_worked_off_leave_nothing_behind() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		attest(id, 0, digest(1, 5));
		run_to(300);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		assert_eq!(AgendaLength::<Test>::iter().count(), 0);
		assert_eq!(crate::Tasks::<Test>::iter().count(), 0);
		assert_eq!(AgendaCursor::<Test>::get(), (301, 0));
	});
}
