# shellcheck shell=bash
# What `aidragon-sim` measures of matching: the parts of `scripts/measure.sh matching` that go by the simulator. Each runs it once or
# more and prints a table whose last columns are the control and the target.

sim() {
	"$CARGO_TARGET_DIR/debug/aidragon-sim" --quiet --output json "$@" || die "aidragon-sim $* failed"
}

# The JSON that comes in as lines "path value", such as "rows.3.matching.pages.mean 4.0". It has one figure on a line.
flat() {
	awk '
		function path(  level, text) {
			for (level = 2; level <= depth; level++) text = text (text == "" ? "" : ".") name[level]
			return text
		}
		{
			line = $0
			sub(/^ */, "", line)
			sub(/,$/, "", line)
		}
		line ~ /^[]}]$/ { depth--; next }
		{
			key = ""
			if (match(line, /^"[^"]*": /)) {
				key = substr(line, 2, RLENGTH - 4)
				line = substr(line, RLENGTH + 1)
			} else if (depth > 0) key = count[depth]++
			if (line == "{" || line == "[") { name[++depth] = key; count[depth] = 0; next }
			if (line == "{}" || line == "[]") next
			gsub(/"/, "", line)
			name[++depth] = key
			print path(), line
			depth--
		}'
}

# One figure of a file that `flat` wrote: figure FILE PATH.
figure() {
	awk -v path="$2" '$1 == path { print $2; found = 1 } END { exit !found }' "$1" || die "no figure $2 in the simulator's result"
}

# Whether a figure is within its target: met FIGURE OPERATOR TARGET, where the operator is <= or >=.
met() {
	awk -v figure="$1" -v target="$3" -v operator="$2" 'BEGIN {
		print (operator == "<=" ? figure <= target : figure >= target) ? "met" : "MISSED"
	}'
}

# Instructions of 100 matches at so many machines; nothing but the pallet's hook is counted.
instructions_of() {
	local log=$2/callgrind.log
	valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*measured_matches*' \
		"$CARGO_TARGET_DIR/debug/aidragon-sim" scale --machines "$1" --matches 100 --repeat-only --output json \
		2>"$log" >"$2/$1.json" || die "callgrind failed:" "$(tail -n 3 "$log")"
	sed -n 's/.*I *refs: *//p' "$log" | tr -d ,
}

instructions() {
	local folder machines count first=''
	has valgrind || die "valgrind is not installed" "apt-get install valgrind"
	folder=$(mktemp -d)
	echo "R3: a match, by machines in the supply"
	echo "  machines  buckets  instructions  over 10^3  target         reads  of these registry  most  target"
	for machines in 1000 1000000; do
		count=$(instructions_of "$machines" "$folder")
		flat <"$folder/$machines.json" >"$folder/figures"
		count=$((count / $(figure "$folder/figures" matching.matches)))
		first=${first:-$count}
		match_row "$machines" "$count" "$first" "$folder/figures"
	done
	rm -r "$folder"
}

match_row() {
	local ratio mean most lookups
	ratio=$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")
	mean=$(figure "$4" matching.reads_with_registry.mean) most=$(figure "$4" matching.reads_with_registry.max)
	lookups=$(figure "$4" matching.lookups.mean)
	printf '%10s  %7s  %12s  %9s  <= 2: %-6s  %7.2f  %17.2f  %4s  <= 12: %s\n' "$1" "$(figure "$4" buckets)" "$2" "$ratio" \
		"$(met "$ratio" '<=' 2)" "$mean" "$(awk "BEGIN { print 4 * $lookups }")" "$most" "$(met "$mean" '<=' 12)"
}

market() {
	local file group index
	file=$(mktemp)
	sim market --markets 1000 | flat >"$file"
	echo "R4: price paid over the best of all machines that fit, policy cheapest, 1,000 markets"
	echo "  markets                tasks  missed  mean   p99    controls: any that fits, best of 128 of them"
	for group in spreads.0 spreads.1 spreads.2 spreads.3 sizes.0 sizes.1 sizes.2 overall; do
		market_row "$file" "$group"
	done
	awk -v mean="$(met "$(figure "$file" overall.price_over_best.mean)" '<=' 1.12)" \
		-v p99="$(met "$(figure "$file" overall.price_over_best.p99)" '<=' 1.5)" \
		'BEGIN { printf "  target of all: mean <= 1.12: %s; p99 <= 1.5: %s\n", mean, p99 }'
	rm "$file"
}

market_row() {
	local name
	name=$(figure "$1" "$2.of")
	case $2 in sizes.*) name="machines_$name" ;; esac
	printf '  %-21s  %5s  %6s  %5.3f  %5.3f  %25.3f, %.3f\n' "$name" "$(figure "$1" "$2.tasks")" "$(figure "$1" "$2.missed")" \
		"$(figure "$1" "$2.price_over_best.mean")" "$(figure "$1" "$2.price_over_best.p99")" \
		"$(figure "$1" "$2.any_machine_over_best")" "$(figure "$1" "$2.best_of_128_over_best")"
}

fairness() {
	local file run=0 chance jain
	file=$(mktemp)
	sim fairness --machines 200 --tasks 10000 | flat >"$file"
	chance=$(figure "$file" jain_of_chance)
	echo "Even shares: Jain's index of 200 equal machines after 10,000 tasks"
	echo "  policy    load    fewest  most  index  control: chance  target"
	while [ "$run" -lt 12 ]; do
		jain=$(figure "$file" "runs.$run.jain")
		printf '  %-8s  %4.1f %%  %6s  %4s  %.3f  %15.3f  >= 0.95: %s\n' "$(figure "$file" "runs.$run.policy")" \
			"$(awk "BEGIN { print 100 * $(figure "$file" "runs.$run.load") }")" "$(figure "$file" "runs.$run.fewest")" \
			"$(figure "$file" "runs.$run.most")" "$jain" "$chance" "$(met "$jain" '>=' 0.95)"
		run=$((run + 1))
	done
	rm "$file"
}

grinding() {
	local file policy attack
	file=$(mktemp)
	echo "Grinding: 1,000 variants of a task, all cancelled that miss one of 200 equal machines"
	echo "  policy    hits      hits  control: chance  p of hits  chi-squared of 199     p  fee lost DRGN  target"
	for policy in cheapest fastest greenest balanced; do
		sim grinding --machines 200 --tries 1000 --policy "$policy" | flat >"$file"
		for attack in hits_settled hits_kept; do
			grinding_row "$file" "$policy" "$attack"
		done
	done
	rm "$file"
}

grinding_row() {
	local figures=() name
	for name in hits expected_hits p_value_of_hits chi_squared p_value fees_lost_drgn; do
		figures+=("$(figure "$1" "$3.$name")")
	done
	printf '  %-8s  %-7s  %5s  %15.1f  %9.3f  %18.1f  %.3f  %13.2f  p of hits >= 0.001: %s\n' "$2" "${3#hits_}" "${figures[@]}" \
		"$(met "${figures[2]}" '>=' 0.001)"
}

# Traces of heterogeneous clusters that are filled to 95 % demand: the shipped one, and others of several seeds and mixtures. Each in
# three orders of arrival; what counts is their mean, and the worst is told.
placement() {
	local folder seed mix multi pinned
	folder=$(mktemp -d)
	echo "Placement: part of the graphics processors that is placed where tasks want 95 % of them, mean of three orders of arrival"
	echo "                                              pallet  controls: full scans that take                     points above the best"
	echo "  cluster                        machines  GPUs       first-fit  best-fit  dot product  random   mean  worst  target of the mean"
	placement_row shipped simulator/examples "$folder"
	for mix in 4,10 4,33 20,20 0,0; do
		multi=${mix%,*} pinned=${mix#*,}
		for seed in 1 2 3; do
			sim generate --machines 300 --tasks 2500 --multi-gpu-percent "$multi" --pinned-percent "$pinned" --seed "$seed" \
				--out "$folder/$mix-$seed"
			placement_row "multi ${multi}%, pinned ${pinned}%, $seed" "$folder/$mix-$seed" "$folder"
		done
	done
	sim generate --out "$folder/whole"
	placement_row "multi 4%, pinned 10%, whole" "$folder/whole" "$folder"
	rm -r "$folder"
}

placement_row() {
	local file=$3/figures runs=$3/runs order path worst mean
	: >"$runs"
	for order in 1 2 3; do
		sim trace --nodes "$2/nodes.csv" --tasks "$2/tasks.csv" --inflate 0.95 --seed "$order" | flat >"$file"
		for path in pallet baselines.0 baselines.1 baselines.2 baselines.3; do
			figure "$file" "$path.gpu.placed_of_all"
		done | paste -sd ' ' | sed "s/\$/ $(figure "$file" points_above_best_baseline)/" >>"$runs"
	done
	worst=$(awk '{ print $6 }' "$runs" | sort -g | head -n 1) mean=$(awk '{ sum += $6 } END { print sum / NR }' "$runs")
	# shellcheck disable=SC2046
	printf '  %-29s  %8s  %4s  %5.2f  %9.2f  %8.2f  %11.2f  %6.2f  %+5.2f  %+5.2f  >= -0.5: %s\n' "$1" "$(figure "$file" machines)" \
		"$(figure "$file" gpus)" $(awk '{ for (f = 1; f <= 6; f++) sum[f] += $f * (f < 6 ? 100 : 1) }
			END { for (f = 1; f <= 6; f++) print sum[f] / NR }' "$runs") "$worst" "$(met "$mean" '>=' -0.5)"
}

# A million machines and 100,000 waiting tasks in one state, beside the smaller ones.
million() {
	local file row=0
	file=$(mktemp)
	sim scale --machines 1000000 --waiting 100000 --matches 100 | flat >"$file"
	echo "A state from its first machine to its last forgotten task; a tenth of the machines in each row before"
	echo "               insert         match                    drain          woken  freed,       state, bytes of a task  "
	echo "  machines     reads  writes  reads  with registry     reads  writes         drawn again  alone   in a job   left"
	while [ "$row" -lt 4 ]; do
		life_row "$file" "rows.$row"
		row=$((row + 1))
	done
	row=rows.3.state
	printf '  target of the last row: bytes alone <= 512: %s; in a job <= 512: %s; left <= 0: %s\n' \
		"$(met "$(figure "$file" $row.bytes_per_waiting_task)" '<=' 512)" \
		"$(met "$(figure "$file" $row.bytes_per_task_of_job)" '<=' 512)" "$(met "$(figure "$file" $row.bytes_left)" '<=' 0)"
	hook_table "$file"
	rm "$file"
}

life_row() {
	local figures=() name
	for name in machines insert.reads insert.writes matching.reads_to_choose.mean matching.reads_with_registry.mean drain.reads \
		drain.writes woken freed.tasks freed.drawn_again state.bytes_per_waiting_task state.bytes_per_task_of_job state.bytes_left; do
		figures+=("$(figure "$1" "$2.$name")")
	done
	printf '%10s  %8.2f  %6.2f  %5.2f  %13.2f  %8.2f  %6.2f  %5s  %5s, %4s  %7.1f  %8.1f  %5s\n' "${figures[@]}"
}

# The hook's weight in parts of a block, of which its cap is a fifth.
hook_table() {
	local row=0 growth
	echo "R9: weight of the hook, in hundredths of a block: the most, while tasks"
	echo "  machines  waiting  are drawn in vain  wait (mean)  expire  are forgotten  over cap  target"
	while [ "$row" -lt 4 ]; do
		hook_row "$1" "rows.$row"
		row=$((row + 1))
	done
	hook_row "$1" crowd
	growth=$(figure "$1" growth.idle_weight)
	printf '  growth at 1,000 machines from 1,000 waiting to 100,000: while tasks wait %.3f, of the most %.3f  <= 1.01: %s, %s\n' "$growth" \
		"$(figure "$1" growth.most_weight)" "$(met "$growth" '<=' 1.01)" "$(met "$(figure "$1" growth.most_weight)" '<=' 1.01)"
}

hook_row() {
	local shares=() name over=0 most=0
	for name in queueing.most_of_cap idle.mean_of_cap expiry.most_of_cap pruning.most_of_cap; do
		shares+=("$(awk "BEGIN { print 20 * $(figure "$1" "$2.$name") }")")
		most=$(awk "BEGIN { print ($most > ${shares[-1]} ? $most : ${shares[-1]}) }")
	done
	for name in queueing idle expiry pruning; do
		over=$((over + $(figure "$1" "$2.$name.over_cap")))
	done
	printf '%10s  %7s  %17.3f  %11.4f  %6.3f  %13.3f  %8s  <= 20: %s\n' "$(figure "$1" "$2.machines")" \
		"$(figure "$1" "$2.waiting")" "${shares[@]}" "$over" \
		"$(met "$most" '<=' 20)"
}
