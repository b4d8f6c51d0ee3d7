package deliver

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

// Editor carries out changes and runs rules; shared/act/edit has the promise.
type Editor interface {
	Do(ctx context.Context, run string, items []edit.Item) ([]edit.Result, error)
}

// Outbox puts messages into a queue.
type Outbox interface {
	Send(ctx context.Context, queue string, messages []video.Message) ([]video.Sent, error)
}

// Inbox takes messages from a queue.
type Inbox interface {
	Receive(ctx context.Context, queue string, limit int, wait time.Duration) ([]video.Received, error)
	Delete(ctx context.Context, queue string, handles []string) ([]error, error)
	Extend(ctx context.Context, queue, handle string, d time.Duration) (newHandle string, until time.Time, err error)
}

// Objects keep what no queue message can hold. Without them (nil) such a message
// makes the batch fail.
type Objects interface {
	Read(ctx context.Context, key string) ([]byte, error)
	Create(ctx context.Context, key string, body []byte) error
}

// Job handles the messages of the metadata queue.
type Job struct {
	Editor      Editor  // required
	Out         Outbox  // required
	In          Inbox   // to drain the queue; nil: messages are pushed, and a tick is refused
	Bulk        *Bulk   // nil: there is one queue
	Objects     Objects // nil: what fits no queue has nowhere to go
	Queue, Dead string  // the names of the metadata queue and of the dead letters
	Log         *slog.Logger
	lane        bool // this is the second queue
	run         string
}

// A message that fails for a passing reason is tried so often, with delays that
// double from firstDelay to maxDelay: for more than an hour in all.
const (
	maxAttempts = 13
	firstDelay  = 2 * time.Second
	maxDelay    = 15 * time.Minute
)

// Report is what an invocation says of itself. Outcomes counts changes, and
// messages that cannot be read as rejected.
type Report struct {
	Messages    int                  `json:"messages"`
	Bulk        int                  `json:"bulk,omitempty"` // of these from the queue of bulk changes
	Changes     int                  `json:"changes"`
	Media       int                  `json:"media"`             // that the changes are about
	Retags      int                  `json:"retags,omitempty"`  // assets over which rules were run
	Found       int                  `json:"found,omitempty"`   // of these by a sweep, and not as the rules want them: no event had seen to them
	Waiting     int                  `json:"waiting,omitempty"` // of these with a rule that needs a fact not known yet
	Dropped     int                  `json:"dropped,omitempty"` // of these with a tag or text that did not fit
	Outcomes    map[video.Result]int `json:"outcomes"`
	SentBack    int                  `json:"sentBack"`
	DeadLetters int                  `json:"deadLetters"`

	woken bool          // a message said that bulk changes wait
	Later time.Duration `json:"-"` // when the last of what was sent back can be seen
}

// Handle handles an event: a batch that was pushed, or the tick of a timer where In is set.
// An error means that the messages stay where they are. run names the batch.
func (j Job) Handle(ctx context.Context, run string, raw []byte) (Report, error) {
	j.run = run
	if j.In == nil {
		return j.pushed(ctx, raw)
	}
	if _, err := events.DecodeTick(raw); err != nil { // a second intake on the same queue would be a second writer
		return Report{}, err
	}
	return j.drain(ctx)
}

// Attrs are the facts of the invocation's log record.
func (a Report) Attrs() []any {
	return []any{slog.Int("messages", a.Messages), slog.Int("bulk", a.Bulk), slog.Int("changes", a.Changes),
		slog.Int("media", a.Media), slog.Int("retags", a.Retags), slog.Int("found", a.Found), slog.Any("outcomes", a.Outcomes), slog.Int("sent_back", a.SentBack), slog.Int("dead_letters", a.DeadLetters)}
}

// pushed handles a batch that was pushed, and then bulk changes if it says that some wait.
func (j Job) pushed(ctx context.Context, raw []byte) (Report, error) {
	messages, err := decode(raw)
	if err != nil {
		return Report{}, err
	}
	a, err := j.process(ctx, messages)
	switch {
	case err != nil:
		return j.putBack(ctx, messages, err)
	case a.woken:
		a.add(j.slice(ctx))
	}
	return a, nil
}

// decode takes the messages out of whatever trigger brought them. What has no
// envelope is a message itself: a topic may send it so, and a direct invocation.
func decode(raw []byte) ([]events.Message, error) {
	switch kind := events.Kind(raw); kind {
	case events.TriggerBatch:
		return events.DecodeBatch(raw)
	case events.TriggerHTTP, events.TriggerTimer:
		return nil, fmt.Errorf("%w: metadata takes messages, not the event of a trigger of kind %s", events.ErrMalformed, kind)
	}
	m, err := events.DecodeTopic(raw)
	return []events.Message{m}, err
}

// maxAhead is how far ahead of its message's arrival a change may claim to be issued:
// it would beat every honest change of the same fields until that moment.
const maxAhead = 24 * time.Hour

// delivery is one message on its way through.
type delivery struct {
	events.Message
	meta    events.Metadata
	err     error         // it cannot be read
	results []edit.Result // of its changes, and behind them of its retags
}

// items are what a message asks for, in the order of its results.
func (l *delivery) items() []edit.Item {
	var items []edit.Item
	for _, c := range l.meta.Changes {
		if l.meta.Origin == events.OriginRules { // the writer decides: what rules have decided elsewhere is a hint
			items = append(items, edit.Item{Retag: &edit.Retag{ID: c.ID, Kind: c.Kind}})
			continue
		}
		items = append(items, edit.Item{Change: c})
	}
	for _, r := range l.meta.Retag {
		items = append(items, edit.Item{Retag: &edit.Retag{
			ID: r.ID, Kind: r.Kind, Labels: r.Event == events.AIVideoTagComplete, Origin: r.Via, Rules: r.Rules,
		}})
	}
	return items
}

// id is the asset that a result is about.
func (l *delivery) id(n int) video.ID {
	if n < len(l.meta.Changes) {
		return l.meta.Changes[n].ID
	}
	return l.meta.Retag[n-len(l.meta.Changes)].ID
}

func (j Job) process(ctx context.Context, messages []events.Message) (Report, error) {
	messages = unpacked(messages)
	now := time.Now()
	deliveries := make([]delivery, len(messages))
	a := Report{Messages: len(messages), Outcomes: map[video.Result]int{}}
	for i, m := range messages {
		if m.At.IsZero() {
			m.At = now
		}
		deliveries[i] = delivery{Message: m}
		if err := j.open(ctx, &deliveries[i]); err != nil {
			return Report{}, err
		}
	}
	run := j.run
	if run == "" {
		run = now.UTC().Format("20060102T150405.000000000Z")
	}
	if j.lane { // not to be taken back with people's
		run += "-bulk"
	}
	if err := j.edit(ctx, run, deliveries); err != nil {
		return Report{}, err
	}
	media := map[video.ID]bool{}
	for i := range deliveries {
		l := &deliveries[i]
		a.Changes += len(l.meta.Changes)
		a.woken = a.woken || l.meta.Bulk && l.err == nil
		for n, o := range l.results {
			media[l.id(n)] = true
			a.Outcomes[o.Result]++
			a.count(l, n)
			if o.Err != nil || o.Result == video.Done && o.Reason != "" { // the second: over another writer's
				j.Log.WarnContext(ctx, "change", slog.String("media", string(o.ID)), slog.String("result", string(o.Result)), slog.String("reason", o.Reason))
			}
		}
		if deliveries[i].err != nil {
			a.Outcomes[video.Rejected]++
		}
	}
	a.Media = len(media)
	return a, j.close(ctx, deliveries, &a)
}

// count counts what came of running rules.
func (a *Report) count(l *delivery, n int) {
	if n < len(l.meta.Changes) {
		return
	}
	r := l.results[n]
	a.Retags++
	if l.meta.Retag[n-len(l.meta.Changes)].Event == events.EventSweep && !r.Decision.Change.Empty() {
		a.Found++
	}
	if len(r.Decision.Waiting) > 0 {
		a.Waiting++
	}
	if len(r.Decision.Dropped)+len(r.Decision.Faults) > 0 {
		a.Dropped++
	}
}

// open reads a message and checks its changes. An error means that STATE does not
// answer; what is wrong with the message itself is noted in it.
func (j Job) open(ctx context.Context, l *delivery) error {
	fault := j.guard(ctx, l.ID, func() {
		if l.meta, l.err = j.read(ctx, l.Body); l.err == nil && l.meta.Bulk && j.Bulk == nil {
			l.err = errNoBulk
		}
		if l.err != nil {
			return
		}
		l.stamp()
		l.results = make([]edit.Result, len(l.meta.Changes)+len(l.meta.Retag))
		for n, c := range l.meta.Changes {
			l.results[n].ID = c.ID
			if err := l.check(c); err != nil {
				l.results[n] = refused(c.ID, err)
			}
		}
		for n, r := range l.meta.Retag {
			n += len(l.meta.Changes)
			l.results[n].ID = r.ID
			if err := r.Check(); err != nil {
				l.results[n] = refused(r.ID, err)
			}
		}
	})
	if fault != nil {
		l.meta, l.results, l.err = events.Metadata{FirstSeen: l.At.UTC()}, nil, fault
	}
	if errors.Is(l.err, errState) {
		return l.err
	}
	return nil
}

func refused(id video.ID, err error) edit.Result {
	return edit.Result{Outcome: video.Outcome{ID: id, Result: video.Rejected, Reason: err.Error(), Err: err}}
}

// guard runs f and turns a panic into an error, with its stack in the log: it belongs
// to the message that caused it, and its neighbours go on.
func (j Job) guard(ctx context.Context, message string, f func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: handling the message panics: %v; the stack is in the log", errPanic, fault)
			j.Log.ErrorContext(ctx, "panic", slog.String("message", message), slog.Any("fault", fault), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
	return nil
}

// errPanic says that the program failed, not the world; no retry can cure it.
var errPanic = fmt.Errorf("%w: panic", video.ErrInvalid)

// edit carries out the changes of the messages. When that panics, each message is
// carried out alone, and the one that panics again is refused.
func (j Job) edit(ctx context.Context, run string, deliveries []delivery) error {
	var items []edit.Item
	var ends []*edit.Result // of each of them
	for i := range deliveries {
		for n, item := range deliveries[i].items() {
			if end := &deliveries[i].results[n]; end.Result == "" {
				items, ends = append(items, item), append(ends, end)
			}
		}
	}
	var results []edit.Result
	var err error
	fault := j.guard(ctx, run, func() { results, err = j.Editor.Do(ctx, run, items) })
	switch {
	case fault != nil && len(deliveries) > 1:
		for i := range deliveries {
			if err := j.edit(ctx, run, deliveries[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	case fault != nil:
		for _, end := range ends {
			*end = refused(end.ID, fault)
		}
		return nil
	case err != nil:
		return fmt.Errorf("edit: %w", err)
	}
	for i, r := range results {
		*ends[i] = r
	}
	return nil
}

// errState says that a part of a message lies in STATE, which does not answer.
var errState = errors.New("STATE does not answer")

// read decodes a message, and the one it points to. What did not go round yet is
// its own original.
func (j Job) read(ctx context.Context, body []byte) (events.Metadata, error) {
	meta, err := events.DecodeMetadata(body)
	if err != nil {
		return meta, err
	}
	if meta.Ref == "" {
		if meta.Original == nil {
			meta.Original = body
		}
		return meta, nil
	}
	if j.Objects == nil {
		return events.Metadata{}, fmt.Errorf("%w: it points to %q under STATE, and there is no STATE", video.ErrInvalid, meta.Ref)
	}
	body, err = j.Objects.Read(ctx, meta.Ref)
	switch {
	case errors.Is(err, video.ErrNotFound), errors.Is(err, video.ErrInvalid):
		return events.Metadata{}, err
	case err != nil:
		return events.Metadata{}, fmt.Errorf("%w: %w", errState, err)
	}
	whole, err := events.DecodeMetadata(body)
	if err == nil && whole.Ref != "" {
		err = fmt.Errorf("%w: %q points to %q", video.ErrInvalid, meta.Ref, whole.Ref)
	}
	if err != nil {
		return events.Metadata{}, err
	}
	whole.Attempts, whole.Before, whole.FirstSeen, whole.Reason = meta.Attempts, meta.Before, meta.FirstSeen, meta.Reason
	if whole.Original == nil {
		whole.Original = body
	}
	return whole, nil
}

// stamp gives changes without a moment of issue the first moment we know of, so
// that a message that goes round does not grow younger. Of two such changes in one
// message the later one is the newer.
func (l *delivery) stamp() {
	if l.meta.FirstSeen.IsZero() {
		l.meta.FirstSeen = l.At.UTC()
	}
	for i := range l.meta.Changes {
		if c := &l.meta.Changes[i]; c.IssuedAt.IsZero() {
			c.IssuedAt = l.meta.FirstSeen.Add(time.Duration(i))
		}
	}
}

// check refuses what no other message could ever be newer than.
func (l *delivery) check(c video.Change) error {
	if most := l.At.Add(maxAhead); c.IssuedAt.After(most) {
		show := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
		return fmt.Errorf("%w: issuedAt: %s, at most %s: a day after the message came", video.ErrInvalid, show(c.IssuedAt), show(most))
	}
	return nil
}

// close gives every message its end. Dead letters go first, and everything goes
// before the batch is acknowledged by answering: a function killed in between
// leaves each message somewhere, at worst in two places.
func (j Job) close(ctx context.Context, deliveries []delivery, a *Report) error {
	var dead, back []video.Message
	for _, l := range deliveries {
		some, again, err := j.end(ctx, l)
		if err != nil {
			return err
		}
		dead = append(dead, some...)
		if back = append(back, again...); len(again) > 0 {
			a.SentBack++
		}
		for _, m := range again {
			a.Later = max(a.Later, m.Delay)
		}
	}
	a.DeadLetters = len(dead)
	if err := j.send(ctx, j.Dead, dead); err != nil {
		return err
	}
	return j.send(ctx, j.Queue, back)
}

// end says what becomes of one message. What cannot even be written again is a dead
// letter as it came; only STATE, which is everybody's, ends the batch.
func (j Job) end(ctx context.Context, l delivery) (dead, back []video.Message, err error) {
	fault := j.guard(ctx, l.ID, func() { dead, back, err = j.finish(ctx, l) })
	if fault = cmp.Or(fault, err); fault == nil || errors.Is(fault, errState) {
		return dead, back, fault
	}
	j.Log.ErrorContext(ctx, "message", slog.String("message", l.ID), slog.Any("error", fault))
	m, err := j.deadLetter(ctx, delivery{Message: events.Message{ID: l.ID, Body: l.Body}}, fault.Error())
	return []video.Message{m}, nil, err
}

func (j Job) finish(ctx context.Context, l delivery) (dead, back []video.Message, err error) {
	again, reason := l.sort()
	if reason != "" {
		m, err := j.deadLetter(ctx, l, reason)
		if err != nil {
			return nil, nil, err
		}
		dead = append(dead, m)
	}
	if len(again.Changes)+len(again.Retag) > 0 {
		wait := time.Duration(0) // what was not tried has waited already
		if again.Attempts > l.meta.Attempts {
			wait = delay(again.Attempts)
		}
		back, err = j.pack(ctx, again, wait)
	}
	return dead, back, err
}

// sort says what of a message is to be done again, and why the message is a dead
// letter, if it is one.
func (l delivery) sort() (again events.Metadata, reason string) {
	if l.err != nil {
		return events.Metadata{}, l.err.Error()
	}
	again = l.meta
	again.Changes, again.Retag = nil, nil
	keep := func(i int) {
		if n := i - len(l.meta.Changes); n >= 0 {
			again.Retag = append(again.Retag, l.meta.Retag[n])
		} else {
			again.Changes = append(again.Changes, l.meta.Changes[i])
		}
	}
	var hopeless []string
	tried := false
	for i, o := range l.results {
		said := string(o.ID) + ": " + string(o.Result) + ": " + o.Reason
		switch o.Result {
		case video.Done, video.Unchanged, video.Stale:
		case video.Failed, video.Unknown:
			tried = true
			again.Reason = said
			keep(i)
		case video.Deferred:
			keep(i)
		default:
			if i >= len(l.meta.Changes) && !errors.Is(o.Err, edit.ErrPanic) && !errors.Is(o.Err, errPanic) {
				break // nobody waits for it: the asset is gone or locked, or the next event asks again
			}
			hopeless = append(hopeless, said)
		}
	}
	if tried {
		if again.Attempts++; again.Attempts >= maxAttempts {
			hopeless = append(hopeless, fmt.Sprintf("given up after %d attempts: %s", again.Attempts, again.Reason))
			again.Changes, again.Retag = nil, nil
		}
	}
	return again, clip(strings.Join(hopeless, "\n"), 4<<10)
}

// pack writes a message that goes back, to be seen after wait. One that is too long
// with its original goes through STATE; without STATE the original stays behind, and
// one that is too long even so goes as two.
func (j Job) pack(ctx context.Context, m events.Metadata, wait time.Duration) ([]video.Message, error) {
	m.Reason = clip(m.Reason, 1<<10)
	body, err := events.EncodeMetadata(m)
	if m.Original != nil && (err != nil || len(body) > events.MaxMessage && j.Objects == nil) {
		m.Original = nil
		return j.pack(ctx, m, wait)
	}
	if err != nil {
		return nil, err
	}
	if half, rest := (len(m.Changes)+1)/2, len(m.Retag)/2; len(body) > events.MaxMessage && len(m.Changes)+len(m.Retag) > 1 && j.Objects == nil {
		one, two := m, m
		one.Changes, two.Changes = m.Changes[:half], m.Changes[half:]
		one.Retag, two.Retag = m.Retag[:rest], m.Retag[rest:]
		first, err := j.pack(ctx, one, wait)
		if err != nil {
			return nil, err
		}
		second, err := j.pack(ctx, two, wait)
		return append(first, second...), err
	}
	if len(body) > events.MaxMessage {
		ref, err := j.keep(ctx, body)
		if err != nil {
			return nil, err
		}
		if body, err = events.EncodeMetadata(events.Metadata{Ref: ref, Attempts: m.Attempts, Before: m.Before, FirstSeen: m.FirstSeen, Reason: m.Reason}); err != nil {
			return nil, err
		}
	}
	return []video.Message{{Body: body, Delay: wait}}, nil
}

// delay doubles with each attempt, up to a quarter more by chance, so that what
// failed together does not come back together.
func delay(attempts int) time.Duration {
	d := min(firstDelay<<min(attempts-1, 20), maxDelay)
	return d + rand.N(d/4)
}

// deadLetter holds the body as its sender sent it, here or under STATE.
func (j Job) deadLetter(ctx context.Context, l delivery, reason string) (video.Message, error) {
	original := l.meta.Original
	if original == nil {
		original = l.Body
	}
	d := events.DeadLetter{ID: l.ID, Body: original, Reason: reason, Attempts: l.meta.Before + l.meta.Attempts + 1, FirstSeen: l.meta.FirstSeen}
	body, err := events.EncodeDeadLetter(d)
	switch {
	case err != nil || len(body) <= events.MaxMessage:
	case j.Objects == nil && len(original) <= events.MaxMessage:
		j.Log.WarnContext(ctx, "a dead letter without its reason, which does not fit", slog.String("message", l.ID), slog.String("reason", reason))
		body = original // vodctl dlq takes it so
	case j.Objects == nil: // nothing holds all of it, and its batch must not wait for that
		d.Reason = fmt.Sprintf("%s\nits %d bytes fit no queue, and there is no STATE: this is their beginning", reason, len(original))
		d.Body = original[:events.MaxMessage/2]
		body, err = events.EncodeDeadLetter(d)
	default:
		if d.Ref, err = j.keep(ctx, original); err == nil {
			d.Body = nil
			body, err = events.EncodeDeadLetter(d)
		}
	}
	return video.Message{Body: body}, err
}

// keep puts a body under STATE, by day and digest: kept twice it is kept once, and
// the operator can expire it by its key.
func (j Job) keep(ctx context.Context, body []byte) (key string, err error) {
	if j.Objects == nil {
		return "", fmt.Errorf("a message of %d bytes fits no queue and there is no STATE to keep it: %w", len(body), video.ErrInvalid)
	}
	sum := sha256.Sum256(body)
	key = "messages/" + time.Now().UTC().Format(time.DateOnly) + "/" + hex.EncodeToString(sum[:])
	if err := j.Objects.Create(ctx, key, body); err != nil {
		have, readErr := j.Objects.Read(ctx, key)
		if readErr != nil || !bytes.Equal(have, body) {
			return "", fmt.Errorf("%w: %w", errState, err)
		}
	}
	return key, nil
}

// send puts messages into a queue. Would the function fail at the first hiccup, the
// platform would repeat the batch, and what was taken before would be in the queue
// once more each time.
func (j Job) send(ctx context.Context, queue string, messages []video.Message) error {
	err := again(ctx, messages, func(some []video.Message) ([]error, error) {
		sent, err := j.Out.Send(ctx, queue, some)
		errs := make([]error, len(sent))
		for i, s := range sent {
			errs[i] = s.Err
		}
		return errs, err
	})
	if err != nil {
		return fmt.Errorf("%w %s: %w", errQueue, queue, err)
	}
	return nil
}

// A call about many messages is made again for those of which it failed, until it
// fails of all of them so many times in a row. The pauses double from the first.
const (
	againTries = 5
	againPause = 200 * time.Millisecond
)

// again makes a call about items that says of each what came of it, and again about
// those of which it failed, while there is time.
func again[T any](ctx context.Context, items []T, call func([]T) ([]error, error)) error {
	for try := 1; len(items) > 0; try++ {
		errs, err := call(items)
		var left []T
		for i, item := range items {
			if i >= len(errs) {
				left = append(left, item)
			} else if errs[i] != nil {
				err, left = cmp.Or(err, errs[i]), append(left, item)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if len(left) < len(items) {
			try = 1
		}
		err = fmt.Errorf("%d of %d left: %w", len(left), len(items), cmp.Or(err, video.ErrTransient))
		if items = left; try >= againTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(againPause << (try - 1)):
		}
	}
	return nil
}

// clip cuts a text at a character.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
