//! Commands about accounts: keys, balances, transfers.

use crate::{
	amount::{self, Amount},
	args::AccountCommand,
	context::{Context, KeySource},
	exit::Failure,
	output::{self, fields, hex, Report},
};
use aidragon_client::{
	calls,
	chain::{Balances, View},
	keys::{AccountId, KeyFile},
};
use serde_json::json;
use std::{io::Read, path::PathBuf};

/// Longest secret that is read from stdin.
const SECRET_BYTES_MAX: u64 = 4_096;

/// Runs a command about accounts.
pub async fn run(context: &Context, command: AccountCommand) -> Result<(), Failure> {
	match command {
		AccountCommand::Create { file, import } => create(context, file, import),
		AccountCommand::Show => {
			let id = context.account()?.account_id();
			let text = fields(&[("address", id.to_string()), ("public key", hex(&id.0))]);
			let json = json!({ "address": id, "public_key": hex(&id.0) });
			Report { text, json }.print(context.output)
		}
		AccountCommand::Balance { account } => balance(context, account).await,
		AccountCommand::Transfer { to, amount, yes } => transfer(context, &to, amount, yes).await,
	}
}

fn create(context: &Context, file: Option<PathBuf>, import: bool) -> Result<(), Failure> {
	let path = match (file, context.key_source()?) {
		(Some(file), _) | (None, KeySource::File(file)) => file,
		(None, KeySource::Development(key)) => {
			return Err(Failure::usage(format!("{key} needs no file: every tool knows it")))
		}
	};
	let key = if import { KeyFile::from_uri(&read_secret()?)? } else { KeyFile::generate()? };
	key.create(&path)?;
	let id = key.account()?.account_id();
	output::progress("The file is the only copy of the secret: keep it safe, and make a backup.");
	let text = fields(&[("address", id.to_string()), ("file", path.display().to_string())]);
	let json = json!({ "address": id, "public_key": hex(&id.0), "file": path });
	Report { text, json }.print(context.output)
}

fn read_secret() -> Result<String, Failure> {
	let mut secret = String::new();
	std::io::stdin()
		.lock()
		.take(SECRET_BYTES_MAX)
		.read_to_string(&mut secret)
		.map_err(|error| Failure::usage(format!("cannot read the secret from stdin: {error}")))?;
	Ok(secret)
}

async fn balance(context: &Context, account: Option<AccountId>) -> Result<(), Failure> {
	let account = match account {
		Some(account) => account,
		None => context.account()?.account_id(),
	};
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let at = chain.at(&head);
	let Balances { free, held, frozen } = at.balance(&account).await?;
	let escrowed = at.escrowed(&account).await?;
	let text = fields(&[
		("address", account.to_string()),
		("free", Amount(free).to_string()),
		("held", format!("{}, of it {} for live tasks", Amount(held), Amount(escrowed))),
		("frozen", Amount(frozen).to_string()),
		("block", head.number.to_string()),
	]);
	let json = json!({
		"address": account,
		"free": amount::json(free),
		"held": amount::json(held),
		"held_for_tasks": amount::json(escrowed),
		"frozen": amount::json(frozen),
		"block": head.number,
	});
	Report { text, json }.print(context.output)
}

async fn transfer(
	context: &Context,
	to: &AccountId,
	amount: Amount,
	yes: bool,
) -> Result<(), Failure> {
	let account = context.account()?;
	let chain = context.connect().await?;
	let call = calls::transfer(to, amount.0);
	let fee = chain.fee(&call, &account).await?;
	let from = account.account_id();
	output::progress(&format!("{amount} from {from} to {to}; network fee {}", Amount(fee)));
	output::confirm("Send it?", yes)?;
	let included = chain.submit(&call, &account, View::Finalized).await?;
	let block = included.block.number;
	let text = format!("sent in block {block}");
	let json = json!({
		"from": from,
		"to": to,
		"amount": amount::json(amount.0),
		"block": block,
		"extrinsic": hex(&included.extrinsic),
	});
	Report { text, json }.print(context.output)
}
