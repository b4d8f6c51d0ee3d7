package removal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// ErrRival says that another run writes to the same lane of the ledger. Whoever
// meets it has lost the right to work and must stop.
var ErrRival = fmt.Errorf("another run is at work: %w", state.ErrBusy)

// The kinds of ledger rows.
const (
	Intent  = "intent"  // written before a call
	Outcome = "outcome" // written after it; every intent gets exactly one
	Note    = "note"    // what happened to a run or outside of it
)

// Row is one line of the ledger.
type Row struct {
	Event string    `json:"event"` // not "kind": that is the item's
	At    time.Time `json:"at"`
	Tick  time.Time `json:"tick,omitzero"` // the event's time, by which the run is counted
	Run   string    `json:"run"`
	Plan  string    `json:"plan,omitempty"`
	By    string    `json:"by,omitempty"` // who approved
	retention.Item
	Result video.Result `json:"result,omitempty"`
	Detail string       `json:"detail,omitempty"` // why this result
}

// segment is one object of the ledger: a header, rows, and an end that tells
// whether all of it is there.
type (
	segmentHead struct {
		Version int    `json:"version"`
		Segment int    `json:"segment"`
		Prev    string `json:"prev"` // hash of the segment before
		Lane    string `json:"lane"`
		Run     string `json:"run"`
	}
	segmentEnd struct {
		Rows int    `json:"rows"`
		Sum  string `json:"sum"` // hash of all lines before this one
	}
)

func segmentKey(n int) string { return state.Numbered("ledger/", n, ".jsonl") }

// Ledger appends to the record of what was removed. Its segments are immutable
// and each names the hash of the one before, so that nothing in the middle can
// be changed or lost unseen. It is for one goroutine.
type Ledger struct {
	objects state.Objects
	lane    string
	run     string
	last    int
	prev    string
}

// OpenLedger finds the end of the ledger; behind one that is not as it was written
// nothing more is written. The lane tells apart kinds of work that
// may go on side by side; within one lane the creation of the next segment is the
// fence that only one run can pass.
func OpenLedger(ctx context.Context, o state.Objects, lane, run string) (*Ledger, error) {
	l := &Ledger{objects: o, lane: lane, run: run}
	last, err := state.LastOf(ctx, o, "ledger/", 0)
	if err != nil {
		return nil, err
	}
	return l, l.moveTo(ctx, last)
}

// Last is the number of the segment written last.
func (l *Ledger) Last() int { return l.last }

// Tip is the hash of the segment written last.
func (l *Ledger) Tip() string { return l.prev }

func (l *Ledger) moveTo(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	body, err := l.objects.Read(ctx, segmentKey(n))
	if err == nil {
		_, _, err = decodeSegment(segmentKey(n), body)
	}
	if err != nil {
		return err
	}
	l.last, l.prev = n, state.Digest(body)
	return nil
}

// Append writes the rows as the next segment. When it returns nil they are there
// for good; ErrRival means that they are not and never will be.
func (l *Ledger) Append(ctx context.Context, rows ...Row) error {
	if len(rows) == 0 {
		return nil
	}
	for {
		body, err := encodeSegment(segmentHead{state.RecordVersion, l.last + 1, l.prev, l.lane, l.run}, rows)
		if err != nil {
			return err
		}
		err = l.objects.Create(ctx, segmentKey(l.last+1), body)
		if err == nil {
			l.last, l.prev = l.last+1, state.Digest(body)
			return nil
		}
		there, readErr := l.objects.Read(ctx, segmentKey(l.last+1))
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		if bytes.Equal(there, body) { // it had taken effect after all
			l.last, l.prev = l.last+1, state.Digest(body)
			return nil
		}
		head, _, err := decodeSegment(segmentKey(l.last+1), there)
		if err != nil {
			return err
		}
		if head.Lane == l.lane && head.Run != l.run {
			return fmt.Errorf("ledger segment %d: %w", head.Segment, ErrRival)
		}
		l.last, l.prev = l.last+1, state.Digest(there) // another lane's, or our own from before an error
	}
}

func encodeSegment(head segmentHead, rows []Row) ([]byte, error) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(head); err != nil {
		return nil, err
	}
	for _, row := range rows {
		row.At = row.At.UTC()
		if err := e.Encode(row); err != nil {
			return nil, err
		}
	}
	err := e.Encode(segmentEnd{len(rows), state.Digest(body.Bytes())})
	return body.Bytes(), err
}

func decodeSegment(key string, body []byte) (segmentHead, []Row, error) {
	bad := func(err error) (segmentHead, []Row, error) {
		return segmentHead{}, nil, fmt.Errorf("%s: %w: %w", key, state.ErrCorrupt, err)
	}
	lines := bytes.SplitAfter(body, []byte("\n"))
	if n := len(lines); n < 3 || len(lines[n-1]) > 0 {
		return bad(errors.New("cut short"))
	}
	lines = lines[:len(lines)-1]
	var (
		head segmentHead
		end  segmentEnd
	)
	tail := lines[len(lines)-1]
	if err := errors.Join(json.Unmarshal(lines[0], &head), json.Unmarshal(tail, &end)); err != nil {
		return bad(err)
	}
	if head.Version != state.RecordVersion || end.Sum != state.Digest(body[:len(body)-len(tail)]) || end.Rows != len(lines)-2 {
		return bad(errors.New("its sum does not fit"))
	}
	rows := make([]Row, len(lines)-2)
	for i, line := range lines[1 : len(lines)-1] {
		if err := json.Unmarshal(line, &rows[i]); err != nil {
			return bad(err)
		}
	}
	return head, rows, nil
}

// segment is one whole object of the ledger.
type segment struct {
	number int
	tip    string // hash of the object
	rows   []Row
}

// segments reads the ledger from a segment on (0: from its first) and checks that each
// segment is whole and follows the one before, whose hash may be given. It ends at the
// first error.
func segments(ctx context.Context, o state.Objects, from int, prev string) iter.Seq2[segment, error] {
	return func(yield func(segment, error) bool) {
		number := max(from-1, 0)
		known := prev != "" || number == 0 // otherwise what is before the first stays unread
		for key, err := range state.Named(ctx, o, state.LedgerPrefix, state.Numbered(state.LedgerPrefix, number, "~")) {
			var body []byte
			if err == nil {
				body, err = o.Read(ctx, key)
			}
			var (
				head segmentHead
				rows []Row
			)
			if err == nil {
				head, rows, err = decodeSegment(key, body)
			}
			if err == nil && (segmentKey(head.Segment) != key || head.Segment != number+1 || known && head.Prev != prev) {
				err = fmt.Errorf("%s: %w: it does not follow segment %d", key, state.ErrCorrupt, number)
			}
			if err != nil {
				yield(segment{}, err)
				return
			}
			number, prev, known = head.Segment, state.Digest(body), true
			if !yield(segment{number, prev, rows}, nil) {
				return
			}
		}
	}
}

// Rows reads the ledger from a segment on (0: from its first), checks that each
// segment is whole and follows the one before, and gives their rows. It ends at the first
// error.
func Rows(ctx context.Context, o state.Objects, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for s, err := range segments(ctx, o, from, "") {
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, row := range s.rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// Recent gives the rows of the ledger from its last one back to the last segment
// whose rows are all of ticks before a time, takedowns left aside: their ticks are by a
// person's clock. It does not compare segments: that is for VerifyLedger.
func Recent(ctx context.Context, o state.Objects, from time.Time) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		last, err := state.LastOf(ctx, o, "ledger/", 0)
		for n := last; err == nil && n > 0; n-- {
			var (
				body []byte
				head segmentHead
				rows []Row
			)
			if body, err = o.Read(ctx, segmentKey(n)); err == nil {
				head, rows, err = decodeSegment(segmentKey(n), body)
			}
			if err == nil && !strings.HasPrefix(head.Lane, state.Takedowns) && !slices.ContainsFunc(rows, func(r Row) bool { return !r.Tick.Before(from) }) {
				return
			}
			for _, row := range slices.Backward(rows) {
				if !yield(row, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Row{}, err)
		}
	}
}

// RunStart says where a run's rows begin in the ledger, so that the next run of
// the same plan can go on behind them.
type RunStart struct {
	Version int       `json:"version"`
	Plan    string    `json:"plan"`
	Run     string    `json:"run"`
	At      time.Time `json:"at"`
	Segment int       `json:"segment"`      // the first that may hold its rows
	By      string    `json:"by,omitempty"` // the policy, when it approves the plan with this run
}

// StartRun records that a run begins on a plan, and returns the first segment
// that may hold rows of this plan: its own, or that of the plan's first run, without
// whose record no other begins.
func StartRun(ctx context.Context, o state.Objects, s RunStart) (from int, err error) {
	s.Version, s.At = state.RecordVersion, s.At.UTC()
	text, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	prefix := "runs/" + s.Plan + "/"
	for last := 0; ; {
		if last, err = state.LastOf(ctx, o, prefix, last); err != nil {
			return 0, err
		}
		from = s.Segment
		if last > 0 {
			if from, err = Begun(ctx, o, s.Plan); err != nil {
				return 0, err
			}
		}
		if err = o.Create(ctx, state.Numbered(prefix, last+1, ".json"), text); !errors.Is(err, state.ErrExists) {
			return from, err
		}
	}
}

// OpenTakedowns names the takedowns that have begun and not ended.
func OpenTakedowns(ctx context.Context, o state.Objects) ([]string, error) {
	ended := map[string]bool{}
	for key, err := range state.Named(ctx, o, state.EndPrefix+state.Takedowns, "") {
		if err != nil {
			return nil, err
		}
		ended[strings.TrimSuffix(strings.TrimPrefix(key, "ended/"), ".json")] = true
	}
	var names []string
	for key, err := range state.Named(ctx, o, state.RunPrefix+state.Takedowns, "") {
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(key, "runs/"), "/")
		if !ended[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// FirstRun reads the record of a plan's first run; false says that none has begun.
func FirstRun(ctx context.Context, o state.Objects, plan string) (first RunStart, begun bool, err error) {
	_, err = state.ReadRecord(ctx, o, state.Numbered(state.RunPrefix+plan+"/", 1, ".json"), &first)
	if errors.Is(err, video.ErrNotFound) {
		return RunStart{}, false, nil
	}
	return first, true, err
}

// Begun is the first segment that may hold rows of the plan; 0 says that no run of
// it has begun.
func Begun(ctx context.Context, o state.Objects, plan string) (segment int, err error) {
	var first RunStart
	_, err = state.ReadRecord(ctx, o, state.Numbered("runs/"+plan+"/", 1, ".json"), &first)
	if errors.Is(err, video.ErrNotFound) {
		return 0, nil
	}
	return first.Segment, err
}

// RunEnd is what came of a plan when all its items had their outcome, or when nobody
// would go on with it.
type RunEnd struct {
	Version int                  `json:"version"`
	Plan    string               `json:"plan"`
	At      time.Time            `json:"at"`
	By      string               `json:"by"`            // who approved
	Why     string               `json:"why,omitempty"` // it is over: expired, withdrawn; empty: it has ended
	Results map[video.Result]int `json:"results"`
	Freed   Totals               `json:"freed"`
	Segment int                  `json:"segment"` // last of the ledger then
	Tip     string               `json:"tip"`     // and its hash
}

// EndRun records the end of a plan. It may be called again.
func EndRun(ctx context.Context, o state.Objects, e RunEnd) error {
	e.Version, e.At = state.RecordVersion, e.At.UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err = o.Create(ctx, "ended/"+e.Plan+".json", text); errors.Is(err, state.ErrExists) {
		return nil
	}
	return err
}

// ReadEnd reads the end of a plan; video.ErrNotFound says that it has not ended.
func ReadEnd(ctx context.Context, o state.Objects, plan string) (RunEnd, error) {
	var e RunEnd
	_, err := state.ReadRecord(ctx, o, "ended/"+plan+".json", &e)
	return e, err
}

// Ended names the plans made after a time that have ended, oldest first. Takedowns
// are no plans; their names sort behind.
func Ended(ctx context.Context, o state.Objects, after time.Time) (plans []string, err error) {
	for key, err := range state.Named(ctx, o, state.EndPrefix, state.EndPrefix+state.Stamp(after)) {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(key, "ended/"+state.Takedowns) {
			break
		}
		plans = append(plans, strings.TrimSuffix(strings.TrimPrefix(key, "ended/"), ".json"))
	}
	return plans, nil
}
