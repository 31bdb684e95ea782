//! Files as people have them: other ends of lines, quotes, marks, and values that are off.

use aidragon_sim::{error::Error, input, workload::Workload};
use std::fs;

const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\nn0,8000,32768,2,T4\nn1,16000,65536,0,\n";
const HEADER: &str =
	"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time";

fn read(nodes: impl AsRef<[u8]>, tasks: impl AsRef<[u8]>) -> Result<Workload, Error> {
	let folder = tempfile::tempdir().unwrap();
	let paths = ["nodes.csv", "tasks.csv"].map(|name| folder.path().join(name));
	fs::write(&paths[0], nodes).unwrap();
	fs::write(&paths[1], tasks).unwrap();
	input::read(&paths[0], &paths[1], None)
}

fn tasks(lines: &str) -> String {
	format!("{HEADER}\n{lines}\n")
}

/// Fails unless the file of tasks is refused for this line and column, in these words.
fn assert_refused(tasks: impl AsRef<[u8]>, line: u64, column: &str, words: &str) {
	let error = read(NODES, tasks).unwrap_err();
	let message = error.to_string();
	assert!(message.contains(&format!("tasks.csv:{line}: {column}: ")), "{message}");
	assert!(message.contains(words) && error.exit_code() == 3, "{message}");
}

#[test]
fn ends_of_lines_marks_and_blank_lines_make_no_difference() {
	let lines = tasks("a,1000,1024,1,500,T4,0,60\nb,2000,2048,0,0,,3,");
	let expected = read(NODES, &lines).unwrap();
	assert_eq!(expected.tasks.len(), 2);
	let forms: [fn(&str) -> String; 6] = [
		|text| text.replace('\n', "\r\n"),
		|text| text.replace('\n', "\r"),
		|text| format!("\u{feff}{text}"),
		|text| text.trim_end().to_owned(),
		|text| format!("\n{}", text.replace('\n', "\n  \n")),
		|text| text.replace(',', " , "),
	];
	for form in forms {
		assert_eq!(read(form(NODES), form(&lines)).unwrap(), expected);
	}
}

#[test]
fn quoted_fields_may_have_commas_quotes_and_ends_of_lines() {
	let nodes = NODES.replace("n0", "\"n,0\"").replace("32768", "\"32768\"");
	let workload = read(nodes, tasks("\"a \"\"b\"\"\nc\",1000,1024,1,500,\"T4\",0,60")).unwrap();
	assert_eq!(
		(workload.nodes[0].name.as_str(), workload.nodes[0].capacity.memory_mib),
		("n,0", 32_768)
	);
	assert_eq!(workload.tasks[0].name, "a \"b\"\nc");
	// Lines are counted within quotes, too.
	assert_refused(tasks("\"a\nb\",1,1,0,0,,0,\nt,x,1,0,0,,0,"), 4, "cpu_milli", "is \"x\"");
}

#[test]
fn a_quote_that_is_never_closed_loses_nothing_silently() {
	assert_refused(
		tasks("a,1,1,0,0,,0,1\n\"b,1,1,0,0,,0,1\nc,1,1,0,0,,0,1"),
		3,
		"all columns",
		"close the quote",
	);
}

#[test]
fn text_of_another_encoding_is_refused_where_it_begins() {
	let latin = [tasks("a,1,1,0,0,,0,1").as_bytes(), b"t\xe9,1,1,0,0,,0,1\n"].concat();
	assert_refused(latin, 3, "all columns", "save the file as UTF-8");
}

#[test]
fn columns_are_there_once() {
	assert_refused(format!("{HEADER},gpu_spec\n"), 1, "gpu_spec", "names it twice");
	assert_refused("", 1, "name", "must name the columns");
	assert_refused(tasks("a,1,1").replace(',', ";"), 1, "name", "must name the columns");
}

#[test]
fn values_that_are_off_are_refused() {
	let dearer = |price: &str| format!("{HEADER},price_cap_per_gfuel\na,1,1,0,0,,0,1,{price}\n");
	assert_refused(dearer("0"), 2, "price_cap_per_gfuel", "from 1 to 10^24");
	assert_refused(dearer(&"9".repeat(30)), 2, "price_cap_per_gfuel", "from 1 to 10^24");
	assert_refused(dearer(&"9".repeat(40)), 2, "price_cap_per_gfuel", "must be a whole number");
	assert_refused(tasks("a,4294967296,1,0,0,,0,1"), 2, "cpu_milli", "to 4294967295");
	assert_refused(tasks("a,1,1,1,65536,,0,1"), 2, "gpu_milli", "to 65535");
	assert_refused(tasks("a,1,1,0,0,,1e300,"), 2, "creation_time", "to 10^12");
	assert_refused(tasks("a,1,1,0,0,,nan,"), 2, "creation_time", "to 10^12");
	assert_refused(tasks("a,1,1,0,0,,0,inf"), 2, "deletion_time", "to 10^12");
	assert_refused(tasks("a,1,1,0,0,,9,8"), 2, "deletion_time", "not be before");
}

#[test]
fn names_of_tasks_may_repeat_and_those_of_machines_may_not() {
	assert_eq!(read(NODES, tasks("a,1,1,0,0,,0,1\na,1,1,0,0,,0,1")).unwrap().tasks.len(), 2);
	let error = read(format!("{NODES}n0,1000,1,0,\n"), tasks("a,1,1,0,0,,0,1")).unwrap_err();
	assert!(error.to_string().contains("nodes.csv:4: sn: "), "{error}");
}

#[test]
fn a_task_larger_than_any_machine_does_not_coarsen_the_memory_of_the_others() {
	let workload = read(NODES, tasks("a,1,4294967295,0,0,,0,1\nb,1,4097,0,0,,0,1")).unwrap();
	assert_eq!(workload.memory_unit_mib, 2);
	assert_eq!(workload.tasks[1].resources.memory_mib, 2_049);
	let holds = |work: usize| {
		let needed = workload.tasks[work].resources;
		aidragon_sim::cluster::hosts(&workload)
			.iter()
			.filter(|host| host.place(&needed).is_some())
			.count()
	};
	assert_eq!((holds(0), holds(1)), (0, 2));
}
