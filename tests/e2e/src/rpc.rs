//! Many requests at once to a node.
//!
//! The client asks one thing after another and checks what it gets, which is right for a program and slow for a crowd. Here
//! requests go in batches, over HTTP, with one answer for each.

use anyhow::{anyhow, bail, ensure, Context, Result};
use serde_json::{json, Value};
use std::sync::Mutex;
use tokio::{
	io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
	net::TcpStream,
};

/// Requests of one batch. A node works them off one after the other.
const BATCH: usize = 50;

/// What a node says to one request: a value, or why there is none.
pub type Answer = std::result::Result<Value, String>;

/// A node, by the port that it answers requests on. Connections are kept and used again.
pub struct Rpc {
	socket: String,
	idle: Mutex<Vec<BufStream<TcpStream>>>,
}

impl Rpc {
	/// The node at `ws://<socket>`, which answers HTTP on the same port.
	pub fn new(url: &str) -> Self {
		Self { socket: url.trim_start_matches("ws://").to_owned(), idle: Mutex::default() }
	}

	/// Asks the same of the node with many parameters, in order, and gives the answers in this order.
	pub async fn ask_all(&self, method: &str, parameters: &[Value]) -> Result<Vec<Answer>> {
		let mut answers = Vec::with_capacity(parameters.len());
		for parameters in parameters.chunks(BATCH) {
			answers.extend(self.ask_batch(method, parameters).await?);
		}
		Ok(answers)
	}

	/// Asks the same of the node with many parameters, each of which must have an answer.
	pub async fn values(&self, method: &str, parameters: &[Value]) -> Result<Vec<Value>> {
		let answers = self.ask_all(method, parameters).await?;
		let value = |answer: Answer| answer.map_err(|error| anyhow!("{method}: {error}"));
		answers.into_iter().map(value).collect()
	}

	/// Hands signed transactions to the node's pool, in order, and says which it took.
	pub async fn hand_in(
		&self,
		transactions: &[String],
	) -> Result<Vec<std::result::Result<(), String>>> {
		let parameters: Vec<Value> = transactions.iter().map(|text| json!([text])).collect();
		let answers = self.ask_all("author_submitExtrinsic", &parameters).await?;
		let taken = |answer: Answer| match answer {
			Err(reason) if !reason.contains("Already Imported") => Err(reason),
			_ => Ok(()),
		};
		Ok(answers.into_iter().map(taken).collect())
	}

	async fn ask_batch(&self, method: &str, parameters: &[Value]) -> Result<Vec<Answer>> {
		let request = |(id, parameters): (usize, &Value)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters });
		let requests: Vec<Value> = parameters.iter().enumerate().map(request).collect();
		let body = self.post(&serde_json::to_vec(&requests)?).await?;
		let answers: Vec<Value> = serde_json::from_slice(&body)
			.with_context(|| format!("{method}: {}", String::from_utf8_lossy(&body)))?;
		ensure!(answers.len() == parameters.len(), "{method}: {} answers", answers.len());
		let mut ordered = vec![Err("no answer".to_owned()); parameters.len()];
		for answer in answers {
			let id = answer["id"].as_u64().and_then(|id| usize::try_from(id).ok());
			let place = id.and_then(|id| ordered.get_mut(id)).context("an answer to nothing")?;
			*place = match answer.get("error") {
				Some(error) => Err(error.to_string()),
				None => Ok(answer["result"].clone()),
			};
		}
		Ok(ordered)
	}

	async fn post(&self, body: &[u8]) -> Result<Vec<u8>> {
		let idle = self.idle.lock().map_err(|_| anyhow!("a request panicked"))?.pop();
		let mut stream = match idle {
			Some(stream) => stream,
			None => BufStream::new(TcpStream::connect(&self.socket).await?),
		};
		let head = format!(
			"POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
			self.socket,
			body.len()
		);
		stream.write_all(head.as_bytes()).await?;
		stream.write_all(body).await?;
		stream.flush().await?;
		let mut answer = vec![0; answer_bytes(&mut stream).await?];
		stream.read_exact(&mut answer).await?;
		self.idle.lock().map_err(|_| anyhow!("a request panicked"))?.push(stream);
		Ok(answer)
	}
}

/// Reads the head of an answer, and gives the length of its body.
async fn answer_bytes(stream: &mut BufStream<TcpStream>) -> Result<usize> {
	let mut length = None;
	let mut status = String::new();
	stream.read_line(&mut status).await?;
	ensure!(status.contains(" 200 "), "the node answers {}", status.trim());
	loop {
		let mut line = String::new();
		if stream.read_line(&mut line).await? == 0 {
			bail!("the node hung up");
		}
		let line = line.trim().to_ascii_lowercase();
		if line.is_empty() {
			return length.context("an answer of unknown length");
		}
		if let Some(value) = line.strip_prefix("content-length:") {
			length = Some(value.trim().parse()?);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use tokio::net::TcpListener;

	/// Answers one request with `body`.
	async fn node(body: &'static str) -> String {
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let url = format!("ws://{}", listener.local_addr().unwrap());
		tokio::spawn(async move {
			let (mut stream, _) = listener.accept().await.unwrap();
			let mut request = [0; 4_096];
			let _ = stream.read(&mut request).await.unwrap();
			let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
			stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
		});
		url
	}

	#[tokio::test]
	async fn answers_come_in_the_order_of_the_requests() {
		let body = r#"[{"id":1,"result":"b"},{"id":0,"error":{"message":"pool"}}]"#;
		let rpc = Rpc::new(&node(body).await);
		let answers = rpc.ask_all("some", &[json!([]), json!([])]).await.unwrap();
		assert!(answers[0].as_ref().unwrap_err().contains("pool"));
		assert_eq!(answers[1], Ok(json!("b")));
	}

	#[tokio::test]
	async fn what_the_pool_has_already_counts_as_taken() {
		let body = r#"[{"id":0,"error":{"message":"(Pool) Already Imported"}},{"id":1,"error":{"message":"full"}}]"#;
		let rpc = Rpc::new(&node(body).await);
		let taken = rpc.hand_in(&["0x1".into(), "0x2".into()]).await.unwrap();
		assert!(taken[0].is_ok() && taken[1].is_err());
	}
}
