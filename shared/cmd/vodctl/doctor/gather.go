package doctor

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// Gather asks the account for its numbers. What cannot be asked is a sample of unasked, and
// its reason is among the errors; the others are there all the same.
func (p *Patient) Gather(ctx context.Context, s *Samples) (unasked []error) {
	if p.App == nil {
		return []error{p.Bad}
	}
	for _, g := range []struct {
		what string
		do   func(ctx context.Context, s *Samples) error
	}{{"queues", p.gatherQueues}, {"streams", p.gatherStreams}, {"state", p.gatherState}, {"plans", p.gatherPlans}, {"ended", p.gatherEnded}} {
		ctx, cancel := context.WithTimeout(ctx, limit)
		err := g.do(ctx, s)
		cancel()
		if err != nil {
			s.add("unasked", 1, g.what)
			unasked = append(unasked, fmt.Errorf("%s: %w", g.what, err))
		}
	}
	return unasked
}

func (p *Patient) gatherQueues(ctx context.Context, s *Samples) (err error) {
	if p.App.Queue == nil {
		return fmt.Errorf("%w: ALIBABA_CLOUD_ACCOUNT_ID is not set", video.ErrInvalid)
	}
	for _, q := range p.Queues() {
		is, failed := p.App.Queue.Stats(ctx, q.Name)
		if failed != nil {
			err = cmp.Or(err, failed)
			continue
		}
		for state, n := range map[string]int64{"waiting": is.Active, "taken": is.Inactive, "delayed": is.Delayed} {
			s.add("queue_messages", float64(n), q.Name, state)
		}
		oldest, failed := p.oldest(ctx, q.Name)
		if err = cmp.Or(err, failed); failed == nil && !oldest.IsZero() {
			s.add("queue_oldest_seconds", max(0, time.Since(oldest).Truncate(time.Second).Seconds()), q.Name)
		}
	}
	return err
}

func (p *Patient) gatherStreams(ctx context.Context, s *Samples) error {
	have, err := p.streams.get(ctx)
	for _, one := range have {
		up := 0.0
		if strings.EqualFold(one.Status, "RUNNING") {
			up = 1
		}
		for _, q := range p.Queues() {
			if q.Name == one.Queue {
				s.add("stream_running", up, one.Function, one.Queue)
			}
		}
	}
	return err
}

func (p *Patient) gatherState(ctx context.Context, s *Samples) error {
	is, err := state.Look(ctx, p.App.Config.State, p.stateOptions())
	if err == nil && is.More {
		err = fmt.Errorf("%w: not all objects were counted", video.ErrDeferred)
	}
	if err != nil {
		return err
	}
	for prefix, n := range is.Below {
		s.add("state_objects", float64(n.Objects), prefix)
		s.add("state_bytes", float64(n.Bytes), prefix)
	}
	return nil
}

// duties have the names that metrics give them.
var duties = map[retention.Duty]string{retention.Removing: "remove", retention.Moving: "move"}

func (p *Patient) gatherPlans(ctx context.Context, s *Samples) error {
	store, err := p.state.get(ctx)
	if err != nil {
		return err
	}
	h, err := removal.HaltState(ctx, store)
	if err != nil {
		return err
	}
	halted := 0.0
	if h.Halted {
		halted = 1
	}
	s.add("halted", halted)
	now, err := p.App.Clock(ctx)
	if err != nil {
		return err
	}
	for duty, name := range duties {
		latest, _, err := removal.LatestPlan(ctx, store, func(plan removal.Plan) bool { return p.App.Scope.Takes(plan.Scope) && plan.Duty == duty }, time.Time{})
		if err != nil {
			return err
		}
		if latest.ID == "" {
			continue // unknown is not zero
		}
		s.add("plan_age_seconds", now.Sub(latest.Created).Truncate(time.Second).Seconds(), name)
		s.add("plan_items", float64(latest.Items), name)
		s.add("plan_bytes", float64(latest.Bytes), name)
		s.add("plan_over_guards", float64(len(latest.Over)), name)
	}
	last, _, err := state.LatestSweep(ctx, store, now)
	if err == nil && !last.IsZero() {
		s.add("sweep_age_seconds", now.Sub(last).Truncate(time.Second).Seconds())
	}
	return err
}

// gatherEnded adds up the plans that have ended. Takedowns are no plans.
func (p *Patient) gatherEnded(ctx context.Context, s *Samples) error {
	store, err := p.state.get(ctx)
	if err != nil {
		return err
	}
	ended, err := removal.Ended(ctx, store, time.Time{})
	if err != nil {
		return err
	}
	for _, id := range ended {
		plan, err := removal.ReadPlan(ctx, store, id)
		if err != nil {
			return err
		}
		end, err := removal.ReadEnd(ctx, store, id)
		if err != nil {
			return err
		}
		s.add("ended_items", float64(end.Freed.Items), duties[plan.Duty])
		s.add("ended_bytes", float64(end.Freed.Bytes), duties[plan.Duty])
	}
	return nil
}

// maxRecord bounds a line of a log.
const maxRecord = 1 << 20

// Read counts the records of the functions in a log, one JSON object a line: as a function
// writes them, or inside the field message as the log service exports them. It answers how
// many lines it could not read; lines of others, and longer ones, are among them.
func (s *Samples) Read(log io.Reader) (other int, err error) {
	lines := bufio.NewReaderSize(log, maxRecord)
	for {
		line, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return other, nil
		}
		if err != nil {
			return other, err
		}
		for long := more; long && err == nil; _, long, err = lines.ReadLine() {
			line = nil
		}
		if line = bytes.TrimSpace(line); more || len(line) > 0 && !s.record(line) {
			other++
		}
	}
}

func (s *Samples) record(line []byte) bool {
	var r map[string]any
	if json.Unmarshal(line, &r) != nil {
		return false
	}
	name, ok := r["msg"].(string)
	if !ok {
		inner, _ := r["message"].(string)
		return strings.HasPrefix(strings.TrimSpace(inner), "{") && s.record([]byte(inner))
	}
	switch function, _, _ := strings.Cut(name, ":"); function {
	case "autotag", "metadata", "purgeplan", "purge", "tier":
		outcome := "ok"
		if r["level"] == "ERROR" {
			outcome = "failed"
		}
		if function == name || outcome == "failed" && strings.Contains(name, "stay where they are") {
			s.add("invocations_total", 1, function, outcome)
		}
	}
	for _, m := range Metrics() {
		if m.Record == name {
			s.field(m, r)
		}
	}
	return true
}

// field counts one field of a record. What is of another kind than expected is left out.
func (s *Samples) field(m Metric, r map[string]any) {
	var v any = r
	for part := range strings.SplitSeq(m.Field, ".") {
		inside, _ := v.(map[string]any)
		v = inside[part]
	}
	switch v := v.(type) {
	case float64:
		if len(m.Labels) == 1 { // the number is a name: of a status
			s.add(m.Name, 1, fmt.Sprint(v))
			return
		}
		s.add(m.Name, v)
	case []any:
		s.add(m.Name, float64(len(v)))
	case map[string]any:
		for name, n := range v {
			if n, ok := n.(float64); ok && len(m.Labels) == 1 {
				s.add(m.Name, n, name)
			}
		}
	}
}
