//! Task money: free and on hold, by account, of which none appears or gets lost.

use super::runtime::{AccountId, ENDOWMENT};
use aidragon_primitives::{
	interface::{EscrowError, Payment},
	payout, Balance,
};
use std::collections::BTreeMap;

/// The protocol's share of every payment, in parts of [`payout::PARTS`]: that of the chain's own runtime.
const PROTOCOL_SHARE_PARTS: u32 = 50_000;

/// What an account has.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
	free: Balance,
	held: Balance,
}

/// All money.
#[derive(Debug, Default)]
pub(super) struct Money {
	accounts: BTreeMap<AccountId, Account>,
	treasury: Balance,
	issued: Balance,
}

impl Money {
	/// Gives an account what it needs, once.
	pub(super) fn endow(&mut self, who: &AccountId) {
		if !self.accounts.contains_key(who) {
			self.accounts.insert(who.clone(), Account { free: ENDOWMENT, held: 0 });
			self.issued = self.issued.saturating_add(ENDOWMENT);
		}
	}

	fn account(&mut self, who: &AccountId) -> &mut Account {
		self.accounts.entry(who.clone()).or_default()
	}

	pub(super) fn lock(&mut self, who: &AccountId, amount: Balance) -> Result<(), EscrowError> {
		let account = self.account(who);
		let free = account.free.checked_sub(amount).ok_or(EscrowError::InsufficientFunds)?;
		*account = Account { free, held: account.held.saturating_add(amount) };
		Ok(())
	}

	pub(super) fn unlock(&mut self, who: &AccountId, amount: Balance) -> Result<(), EscrowError> {
		let account = self.account(who);
		let held = account.held.checked_sub(amount).ok_or(EscrowError::InsufficientEscrow)?;
		*account = Account { free: account.free.saturating_add(amount), held };
		Ok(())
	}

	pub(super) fn pay(&mut self, payment: &Payment<'_, AccountId>) -> Result<(), EscrowError> {
		let from = self.account(payment.from);
		from.held = from.held.checked_sub(payment.gross).ok_or(EscrowError::InsufficientEscrow)?;
		let split = payout::split(payment.gross, PROTOCOL_SHARE_PARTS);
		self.treasury = self.treasury.saturating_add(split.protocol);
		let provider = self.account(payment.provider);
		provider.free = provider.free.saturating_add(split.provider);
		Ok(())
	}

	pub(super) fn held(&self, who: &AccountId) -> Balance {
		self.accounts.get(who).map_or(0, |account| account.held)
	}

	/// Whether all that was issued is still there, and nothing else (P1).
	pub(super) fn is_conserved(&self) -> bool {
		let sum = self.accounts.values().fold(self.treasury, |sum, account| {
			sum.saturating_add(account.free).saturating_add(account.held)
		});
		sum == self.issued
	}
}
