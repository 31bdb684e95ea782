//! `poll_oneoff`: waiting without waiting.

use super::{
	guest::{long, slice, word, Answer, Call, Guest, Refusal},
	BADF, INVAL, STDIN, SUCCESS,
};
use crate::executor::meter::{HOST_BYTE_COST, MAX_SUBSCRIPTIONS, WALL_CLOCK_NANOS};

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: usize = 32;

/// Something that `poll_oneoff` was asked to wait for.
struct Subscription {
	user_data: u64,
	tag: u8,
	wait: Wait,
}

enum Wait {
	/// Until the monotonic clock shows this.
	Clock(u64),
	/// A stream: always ready, with this many bytes or this error.
	Stream(Result<u64, i32>),
}

/// Answers at once: streams are always ready, and where there are none the clock is moved to
/// the first deadline.
pub(super) fn poll(call: &mut Call<'_, '_>, [array, events, count, stored]: [i32; 4]) -> Answer {
	let count = count as u32;
	if count == 0 || count > MAX_SUBSCRIPTIONS {
		return Err(Refusal::Errno(INVAL));
	}
	let len = count * SUBSCRIPTION_BYTES;
	call.charge(u64::from(len) * HOST_BYTE_COST)?;
	let (memory, guest) = call.parts()?;
	let entries = slice(memory, array as u32, len)?;
	let subscriptions: Vec<_> = entries
		.chunks_exact(SUBSCRIPTION_BYTES as usize)
		.map(|entry| subscription(entry, guest))
		.collect::<Answer<_>>()?;
	let is_stream = |wait: &Wait| matches!(wait, Wait::Stream(_));
	if !subscriptions.iter().any(|subscription| is_stream(&subscription.wait)) {
		let deadline = subscriptions.iter().filter_map(|subscription| match subscription.wait {
			Wait::Clock(deadline) => Some(deadline),
			Wait::Stream(_) => None,
		});
		guest.clock_nanos = guest.clock_nanos.max(deadline.min().unwrap_or(0));
	}
	let now = guest.clock_nanos;
	let mut out = Vec::new();
	for subscription in &subscriptions {
		match subscription.wait {
			Wait::Clock(deadline) if deadline > now => {}
			Wait::Clock(_) => push_event(&mut out, subscription, Ok(0)),
			Wait::Stream(result) => push_event(&mut out, subscription, result),
		}
	}
	call.put(events as u32, &out)?;
	call.put_u32(stored, (out.len() / EVENT_BYTES) as u32)
}

fn subscription(entry: &[u8], guest: &Guest) -> Answer<Subscription> {
	let tag = entry[8];
	let stream = |writes: bool| {
		let fd = word(entry, 16) as i32;
		Wait::Stream(match (guest.is_open(fd), writes == (fd != STDIN)) {
			(true, true) if writes => Ok(1),
			(true, true) => Ok(guest.input_left),
			_ => Err(BADF),
		})
	};
	let wait = match tag {
		0 => {
			let (clock, timeout, is_absolute) =
				(word(entry, 16), long(entry, 24), entry[40] & 1 == 1);
			Wait::Clock(match (clock, is_absolute) {
				(0, true) => {
					guest.clock_nanos.saturating_add(timeout.saturating_sub(WALL_CLOCK_NANOS))
				}
				(1..=3, true) => timeout,
				(0..=3, false) => guest.clock_nanos.saturating_add(timeout),
				_ => return Err(Refusal::Errno(INVAL)),
			})
		}
		1 => stream(false),
		2 => stream(true),
		_ => return Err(Refusal::Errno(INVAL)),
	};
	Ok(Subscription { user_data: long(entry, 0), tag, wait })
}

fn push_event(out: &mut Vec<u8>, subscription: &Subscription, result: Result<u64, i32>) {
	let mut event = [0; EVENT_BYTES];
	event[..8].copy_from_slice(&subscription.user_data.to_le_bytes());
	event[8..10].copy_from_slice(&(result.err().unwrap_or(SUCCESS) as u16).to_le_bytes());
	event[10] = subscription.tag;
	event[16..24].copy_from_slice(&result.unwrap_or(0).to_le_bytes());
	out.extend(event);
}
