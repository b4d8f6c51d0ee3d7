package doctor

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vodcurator/shared/video"
)

// Metric is one number that is worth watching. What is printed, its help, the alarms and the
// dashboard all come from the list of them.
type Metric struct {
	Name    string // without the program's name in front
	Help    string
	Labels  []string
	Counter bool // it only grows, over the records that were read

	// Record is the function's log record that it is counted from; empty: it is asked of the
	// account. Field is a path in it: of a number, of a list (its length), or of numbers by
	// name (one for each name); empty: the records themselves. Most takes the largest and not
	// the sum.
	Record, Field string
	Most          bool
}

// family begins all names.
const family = "vodcurator_"

// Metrics lists them in the order in which people read of them.
func Metrics() []Metric {
	return []Metric{
		{Name: "queue_messages", Labels: []string{"queue", "state"}, Help: "Messages of a queue: waiting, taken, delayed."},
		{Name: "queue_oldest_seconds", Labels: []string{"queue"}, Help: "Age of the oldest of a queue's next 16 messages; MNS gives them in no order."},
		{Name: "stream_running", Labels: []string{"function", "queue"}, Help: "1 where the event stream from a queue to a function runs, else 0."},
		{Name: "state_objects", Labels: []string{"prefix"}, Help: "Objects under STATE; edits/ is the journal of metadata changes."},
		{Name: "state_bytes", Labels: []string{"prefix"}, Help: "Bytes under STATE."},
		{Name: "halted", Help: "1 while removal is halted."},
		{Name: "plan_age_seconds", Labels: []string{"duty"}, Help: "Age of the latest plan; one is made each night."},
		{Name: "plan_items", Labels: []string{"duty"}, Help: "Items of the latest plan."},
		{Name: "plan_bytes", Labels: []string{"duty"}, Help: "Bytes of the latest plan, as far as they are known."},
		{Name: "plan_over_guards", Labels: []string{"duty"}, Help: "Guards that the latest plan is over."},
		{Name: "sweep_age_seconds", Help: "Time since the latest sweep; one begins each hour."},
		{Name: "ended_items", Labels: []string{"duty"}, Help: "Items removed or moved by the plans that have ended."},
		{Name: "ended_bytes", Labels: []string{"duty"}, Help: "Bytes removed or moved by the plans that have ended."},
		{Name: "unasked", Labels: []string{"what"}, Help: "1 for what could not be asked: its other numbers are left out, not zero."},

		{Name: "notices_total", Counter: true, Record: "autotag", Field: "summary.notices", Help: "Notifications of VOD that reached autotag."},
		{Name: "notices_acted_total", Counter: true, Record: "autotag", Field: "summary.acted", Help: "Of these, the ones after which an asset may need tags."},
		{Name: "notices_malformed_total", Counter: true, Record: "autotag", Field: "summary.malformed", Help: "Of these, the ones that could not be read."},
		{Name: "event_late_seconds", Record: "autotag", Field: "summary.late", Most: true, Help: "Longest time from an event at VOD until autotag acted on it."},
		{Name: "tag_outcomes_total", Counter: true, Labels: []string{"result"}, Record: "autotag", Field: "summary.outcomes", Help: "Assets that autotag saw to, by what came of it."},
		{Name: "sweep_seen_total", Counter: true, Record: "autotag", Field: "summary.seen", Help: "Assets that sweeps looked at."},
		{Name: "sweep_found_total", Counter: true, Record: "metadata", Field: "found", Help: "Of these, the ones that no event had announced: found / seen is the ratio of lost callbacks."},
		{Name: "callbacks_refused_total", Counter: true, Labels: []string{"status"}, Record: "callback refused", Field: "status", Help: "Callbacks refused, by HTTP status; 403 is a wrong key, clock or sender."},
		{Name: "messages_total", Counter: true, Record: "metadata", Field: "messages", Help: "Messages that metadata took."},
		{Name: "change_outcomes_total", Counter: true, Labels: []string{"result"}, Record: "metadata", Field: "outcomes", Help: "Metadata changes, by what came of them."},
		{Name: "messages_sent_back_total", Counter: true, Record: "metadata", Field: "sent_back", Help: "Messages put back, to be tried again."},
		{Name: "dead_letters_total", Counter: true, Record: "metadata", Field: "dead_letters", Help: "Messages that became dead letters."},
		{Name: "watched_oldest_seconds", Record: "watch", Field: "oldest", Most: true, Help: "Age of the oldest message that autotag's hourly look found in a queue that somebody takes from."},
		{Name: "watched_dead_letters", Record: "watch", Field: "dead", Most: true, Help: "Most dead letters that it found; it looks at 16."},
		{Name: "planned_missed_nights", Record: "purgeplan", Field: "missed", Most: true, Help: "Most nights without a plan before one."},
		{Name: "guard_trips_total", Counter: true, Record: "purgeplan", Field: "over", Help: "Guards that plans were over."},
		{Name: "removed_items_total", Counter: true, Record: "purge", Field: "removed", Help: "Items removed."},
		{Name: "removed_bytes_total", Counter: true, Record: "purge", Field: "bytes", Help: "Bytes removed."},
		{Name: "remove_outcomes_total", Counter: true, Labels: []string{"result"}, Record: "purge", Field: "results", Help: "Items of removing plans, by what came of them."},
		{Name: "moved_items_total", Counter: true, Record: "tier", Field: "moved", Help: "Items moved to another storage class."},
		{Name: "moved_bytes_total", Counter: true, Record: "tier", Field: "bytes", Help: "Bytes moved."},
		{Name: "move_outcomes_total", Counter: true, Labels: []string{"result"}, Record: "tier", Field: "results", Help: "Items of moving plans, by what came of them."},
		{Name: "invocations_total", Counter: true, Labels: []string{"function", "outcome"}, Record: "*", Help: "Invocations that left their record, ok or failed."},
	}
}

// Sample is a value of a metric, with the values of its labels.
type Sample struct {
	Metric string
	Labels []string
	Value  float64
}

// Samples gathers values; the same metric and labels twice add up, or the larger one counts.
type Samples struct {
	values map[string]map[string]Sample
	most   map[string]bool
}

func (s *Samples) add(metric string, value float64, labels ...string) {
	if s.values == nil {
		s.values, s.most = map[string]map[string]Sample{}, map[string]bool{}
		for _, m := range Metrics() {
			s.most[m.Name] = m.Most
		}
	}
	if s.values[metric] == nil {
		s.values[metric] = map[string]Sample{}
	}
	key := strings.Join(labels, "\x00")
	had, again := s.values[metric][key]
	switch {
	case again && s.most[metric]:
		value = max(value, had.Value)
	case again:
		value += had.Value
	}
	s.values[metric][key] = Sample{metric, labels, value}
}

// All are the samples in the order of the list, each metric's by its labels.
func (s *Samples) All() (all []Sample) {
	for _, m := range Metrics() {
		for _, key := range slices.Sorted(maps.Keys(s.values[m.Name])) {
			all = append(all, s.values[m.Name][key])
		}
	}
	return all
}

var escape = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)

// Write writes the samples in Prometheus's text form.
func (s *Samples) Write(w io.Writer) error {
	var b strings.Builder
	for _, m := range Metrics() {
		of := s.values[m.Name]
		if len(of) == 0 {
			continue
		}
		kind := "gauge"
		if m.Counter {
			kind = "counter"
		}
		fmt.Fprintf(&b, "# HELP %s%s %s\n# TYPE %[1]s%[2]s %[4]s\n", family, m.Name, m.Help, kind)
		for _, key := range slices.Sorted(maps.Keys(of)) {
			one := of[key]
			var pairs []string
			for i, label := range m.Labels {
				pairs = append(pairs, label+`="`+escape.Replace(video.VisibleLines(strings.ToValidUTF8(one.Labels[i], "\ufffd")))+`"`)
			}
			labels := ""
			if len(pairs) > 0 {
				labels = "{" + strings.Join(pairs, ",") + "}"
			}
			fmt.Fprintf(&b, "%s%s%s %s\n", family, m.Name, labels, strconv.FormatFloat(one.Value, 'f', -1, 64))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
