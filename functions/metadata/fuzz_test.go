package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// dice turns bytes into choices. How wild they are is a choice of each message: else one
// with many changes would hardly ever be read.
type dice struct {
	bytes []byte
	wild  int // of 256 picks, so many are not of the sound ones only
}

func (d *dice) n(most int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := int(d.bytes[0])
	d.bytes = d.bytes[1:]
	return b % most
}

// pick takes one of the first so many, which are sound, or in a wild place one of all.
func pick[T any](d *dice, sound int, of ...T) T {
	if d.wild > 0 && d.n(256) < d.wild {
		sound = len(of)
	}
	return of[d.n(sound)]
}

func (d *dice) moment() string {
	return pick(d, 7, "", "2026-11-01T08:00:00Z", "2026-11-01T08:00:01Z", "2026-11-01T08:00:00.000000001+14:00", "0001-01-01T00:00:00Z",
		"2026-11-02T08:59:59Z", "2026-10-31T08:00:00Z", "2026-11-04T00:00:00Z", "0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00",
		"9999-12-31T23:59:59.999999999Z", "2099-01-01T00:00:00Z", "never", "null")
}

func (d *dice) text() any {
	return pick[any](d, 8, "", "a", "b", "new", "a,b", " a", "🎬", "e\u0301", "x\u2028y", "a\u0000b", strings.Repeat("字", 50), nil, 7, []string{"a"}, strings.Repeat("t", 1025))
}

func (d *dice) tags() []any {
	all := []any{}
	for range pick(d, 4, 1, 2, 3, 0, 17, 65) {
		all = append(all, pick[any](d, 6, "a", "b", "c", "A", "seen", "e\u0301", "long"+strings.Repeat("字", 12), "a,b", "", nil))
	}
	return all
}

func (d *dice) change() map[string]any {
	c := map[string]any{"id": pick[any](d, 4, "v0", "v1", "v2", "gone", "v0,v1", "", nil, strings.Repeat("v", 65))}
	if d.n(4) == 0 {
		c["kind"] = pick[any](d, 2, "video", "image", "audio", "film", nil)
	}
	set := map[string]any{}
	for _, field := range []string{"title", "description", "cover", "category"} {
		if d.n(3) == 0 {
			set[field] = d.text()
			if field == "category" {
				set[field] = pick[any](d, 2, 7, 8, 0, -1, 1<<53, 9.5, "7")
			}
		}
	}
	tags := map[string]any{}
	for _, list := range []string{"set", "add", "remove"}[d.n(3):] {
		if d.n(3) == 0 || d.wild > 200 {
			tags[list] = d.tags()
		}
	}
	c["set"], c["tags"] = set, tags
	for _, name := range []string{"issuedAt", "ifUnmodifiedSince"} {
		if m := d.moment(); m == "null" {
			c[name] = nil
		} else if m != "" {
			c[name] = m
		}
	}
	return c
}

// message is mostly of the right form, and holds whatever fits into it.
func (d *dice) message() []byte {
	d.wild = []int{0, 0, 0, 0, 8, 8, 8, 255}[d.n(8)]
	changes := []any{}
	for range pick(d, 5, 1, 1, 2, 3, 0, 30) {
		changes = append(changes, d.change())
	}
	m := map[string]any{"v": pick[any](d, 1, 1, 1, 1, 2, "1"), "changes": changes}
	if d.n(3) == 0 {
		var retags []any
		for range pick(d, 2, 1, 2, 20) {
			retags = append(retags, map[string]any{
				"id": pick[any](d, 4, "v0", "v1", "v2", "gone", "", "v0,v1"), "kind": pick(d, 3, "", "video", "image", "film"),
				"event": pick(d, 3, "", "AIVideoTagComplete", "sweep", strings.Repeat("e", 70)), "rules": pick(d, 3, "", "", "other", "\u0000"),
			})
		}
		m["retag"], m["origin"] = retags, pick(d, 3, "", "rules", "person", "nobody")
	}
	if d.n(6) == 0 {
		m["attempts"], m["firstSeen"] = pick(d, 2, 1, 12, -1, 1<<40), pick(d, 1, "2026-11-01T08:00:00Z", "9999-12-31T23:30:00-01:00", "9999-12-31T23:59:59.999999999Z")
	}
	body, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	for d.n(8) == 1 { // and now and then a byte of it is another
		body[d.n(256)*len(body)/256] = byte(d.n(256))
	}
	return body
}

// stage is a library and a STATE in memory.
type stage struct {
	statetest.Memory

	mu     sync.Mutex
	videos map[video.ID]video.Video
}

func newStage() *stage {
	s := &stage{videos: map[video.ID]video.Video{}}
	for _, id := range []video.ID{"v0", "v1", "v2"} {
		s.videos[id] = video.Video{ID: id, Title: "old", Tags: []string{"a", "mine"}, Modified: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	}
	v := s.videos["v2"]
	v.Tags = []string{strings.Repeat("字", 20)}
	s.videos["v2"] = v
	return s
}

func (s *stage) Videos(_ context.Context, ids []video.ID) (out []video.Answer[video.Video], _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		a := video.Answer[video.Video]{ID: id, Value: s.videos[id]}
		if a.Value.ID == "" {
			a.Err = video.ErrNotFound
		}
		out = append(out, a)
	}
	return out, nil
}

func (s *stage) Images(_ context.Context, ids []video.ID) (out []video.Answer[video.Image], _ error) {
	for _, id := range ids {
		out = append(out, video.Answer[video.Image]{ID: id, Value: video.Image{ID: id}})
	}
	return out, nil
}

// Update refuses what the library would, so that a decision that cannot pass shows.
func (s *stage) Update(_ context.Context, us []video.Update) (out []video.Outcome, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range us {
		if err := u.Check(); err != nil || u.Empty() {
			panic("sent what cannot pass: " + err.Error())
		}
		v := s.videos[u.ID]
		if u.Title != nil {
			v.Title = *u.Title
		}
		if u.Tags != nil {
			v.Tags = *u.Tags
		}
		s.videos[u.ID] = v
		out = append(out, video.Outcome{ID: u.ID, Result: video.Done})
	}
	return out, nil
}

func (s *stage) UpdateImages(ctx context.Context, us []video.Update) ([]video.Outcome, error) {
	return s.Update(ctx, us)
}

func (s *stage) Media(ctx context.Context, ids []video.ID) (out []video.Answer[video.Media], _ error) {
	answers, err := s.Videos(ctx, ids)
	for _, a := range answers {
		out = append(out, video.Answer[video.Media]{ID: a.ID, Value: video.Media{Video: a.Value}, Err: a.Err})
	}
	return out, err
}

func (s *stage) Labels(context.Context, video.ID) ([]video.Label, error) {
	return []video.Label{{Text: "boat"}, {Text: "a,b"}, {Text: strings.Repeat("字", 20)}}, nil
}

var fuzzRules = func() *tagging.Rules {
	rules, err := tagging.Parse("fuzz", []byte(`
rules:
  - {name: tidy, when: 'title != ""', title: "{title|clean|caps}", description: "{title}", fields: {title: overwrite, description: overwrite}}
  - {name: a, when: '"a" in tags', add: [seen], remove: [b]}
  - {name: ai, when: len(labels) > 0, add: ["ai:{labels}"]}
`))
	if err != nil {
		panic(err)
	}
	return rules
}()

// ends counts what is sent to the queues, and refuses what no queue takes.
type ends struct{ dead, back int }

func (e *ends) Send(_ context.Context, queue string, messages []boot.Message) ([]boot.Sent, error) {
	if queue == "dead" {
		e.dead += len(messages)
	} else {
		e.back += len(messages)
	}
	return make([]boot.Sent, len(messages)), nil
}

// pushed is a batch as the trigger brings it.
func pushed(bodies []string) []byte {
	type (
		data struct {
			RequestID   string `json:"requestId"`
			MessageID   string `json:"messageId"`
			MessageBody string `json:"messageBody"`
		}
		event struct {
			ID          string    `json:"id"`
			Source      string    `json:"source"`
			SpecVersion string    `json:"specversion"`
			Type        string    `json:"type"`
			Time        time.Time `json:"time"`
			Data        data      `json:"data"`
		}
	)
	all := make([]event, len(bodies))
	for i, body := range bodies {
		n := strconv.Itoa(i)
		all[i] = event{n, "MNS-metadata-messages", "1.0", "mns:Queue:SendMessage", time.Now().UTC(), data{"R", "M" + n, body}}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return raw
}

// wholeWay sends up to four batches the whole way, decode, fold, edit, some time apart. The
// dice make their messages, and one is the body. Whatever the messages hold, the batch
// ends, nothing panics, every message has an end, and nothing is sent that cannot pass.
func wholeWay(t *testing.T, d *dice, body []byte) (batches int, outcomes map[video.Result]int) {
	outcomes = map[video.Result]int{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)))
		var panics bytes.Buffer
		log := slog.New(slog.NewTextHandler(&panics, &slog.HandlerOptions{Level: slog.LevelError}))
		s, q := newStage(), &ends{}
		editor, err := edit.New(edit.Config{Library: s, State: s, Remove: s.Remove, Log: log, Rules: edit.Rules{
			Read: func(context.Context) (*tagging.Rules, error) { return fuzzRules, nil }, Media: s.Media, Labels: s.Labels,
		}})
		require.NoError(t, err)
		h := handler{deliver.Job{Editor: editor, Out: q, Objects: s, Queue: "metadata", Dead: "dead", Log: log}}
		for more := true; more && batches < 4; more = d.n(3) > 0 {
			bodies := []string{string(body)}
			for range 1 + d.n(3) {
				bodies = append(bodies, string(d.message()))
			}
			got, err := h.handle(t.Context(), pushed(bodies))
			require.NoError(t, err)
			if bytes.Contains(panics.Bytes(), []byte("panic")) {
				require.Fail(t, "it panics", "%s\n%q", &panics, bodies)
			}
			a := got.(answer)
			sum := 0
			for result, n := range a.Outcomes {
				sum += n
				outcomes[result] += n
			}
			require.Equal(t, len(bodies), a.Messages)
			require.GreaterOrEqual(t, sum, a.Changes+a.Retags)
			require.Zero(t, a.Outcomes[video.Unknown]+a.Outcomes[video.Deferred])
			batches++
			time.Sleep([]time.Duration{0, time.Second, 11 * time.Minute, 50 * time.Hour}[d.n(4)])
		}
	})
	return batches, outcomes
}

func FuzzEditor(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed.choices, seed.body)
	}
	f.Fuzz(func(t *testing.T, choices, body []byte) { wholeWay(t, &dice{bytes: choices}, body) })
}

var fuzzSeeds = []struct{ choices, body []byte }{
	{[]byte{}, []byte(`{"v":1,"changes":[{"id":"v0","set":{"title":"x"},"ifUnmodifiedSince":"9999-12-31T23:30:00-01:00"}]}`)},
	{[]byte("vodcurator"), []byte(`[{"VideoId":"v0","Tags":"a,b"}]`)},
	{bytes.Repeat([]byte{1, 2, 3, 5, 8, 13, 21}, 100), []byte(`{"v":1,"changes":[]}`)},
	{bytes.Repeat([]byte{0xff, 7, 3}, 200), []byte(`[[[`)},
}

// SOAK=1 sends a million batches; BATCHES and SEED choose others.
func TestRandomBatches(t *testing.T) {
	n := 2000
	if os.Getenv("SOAK") == "1" {
		n = 1_000_000
	}
	n = number(t, "BATCHES", n)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // else a fifth of the time is the collector's
	seed := number(t, "SEED", 1)
	outcomes := map[video.Result]int{}
	choices := make([]byte, 800)
	for done := 0; done < n; seed++ {
		chance := rand.New(rand.NewPCG(uint64(seed), 0))
		for i := range choices {
			choices[i] = byte(chance.Uint32())
		}
		batches, some := wholeWay(t, &dice{bytes: choices}, fuzzSeeds[seed%len(fuzzSeeds)].body)
		done += batches
		for result, n := range some {
			outcomes[result] += n
		}
	}
	t.Logf("%d batches up to seed %d: %v", n, seed, outcomes)
}
