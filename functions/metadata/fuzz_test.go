package main

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/act/edit"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// dice turns fuzzed bytes into choices.
type dice struct{ bytes []byte }

func (d *dice) n(most int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := int(d.bytes[0])
	d.bytes = d.bytes[1:]
	return b % most
}

func pick[T any](d *dice, of ...T) T { return of[d.n(len(of))] }

func (d *dice) moment() string {
	return pick(d, "", "2026-11-01T08:00:00Z", "2026-11-01T08:00:01Z", "2026-11-01T08:00:00.000000001+14:00", "0001-01-01T00:00:00Z",
		"0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00", "9999-12-31T23:59:59.999999999Z", "2099-01-01T00:00:00Z", "never", "null")
}

func (d *dice) text() any {
	return pick[any](d, "", "a", "b", "new", strings.Repeat("字", 50), "a,b", " a", "a\u0000b", "🎬", "x\u2028y", nil, 7, []string{"a"}, strings.Repeat("t", 1025))
}

func (d *dice) tags() []any {
	var all []any
	for range pick(d, 1, 0, 2, 3, 17, 65) {
		all = append(all, pick[any](d, "a", "b", "c", "A", "long"+strings.Repeat("字", 12), "a,b", "", nil, "e\u0301"))
	}
	return all
}

// message is mostly of the right form, and holds whatever fits into it.
func (d *dice) message() []byte {
	var changes []any
	for range pick(d, 1, 1, 2, 3, 0, 30) {
		c := map[string]any{"id": pick[any](d, "v0", "v1", "v2", "gone", "v0,v1", "", nil, strings.Repeat("v", 65))}
		if d.n(4) == 0 {
			c["kind"] = pick[any](d, "video", "audio", "image", "film", nil)
		}
		set := map[string]any{}
		for _, field := range []string{"title", "description", "cover", "category"} {
			if d.n(3) == 0 {
				set[field] = d.text()
				if field == "category" {
					set[field] = pick[any](d, 0, 7, -1, 1<<53, 9.5, "7")
				}
			}
		}
		tags := map[string]any{}
		for _, list := range []string{"set", "add", "remove"} {
			if d.n(3) == 0 {
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
		changes = append(changes, c)
	}
	m := map[string]any{"v": pick[any](d, 1, 1, 1, 2, "1"), "changes": changes}
	if d.n(3) == 0 {
		var retags []any
		for range pick(d, 1, 2, 20) {
			retags = append(retags, map[string]any{
				"id": pick[any](d, "v0", "v1", "v2", "gone", "", "v0,v1"), "kind": pick(d, "", "video", "image", "film"),
				"event": pick(d, "", "AIVideoTagComplete", "sweep", strings.Repeat("e", 70)), "rules": pick(d, "", "", "", "other"),
			})
		}
		m["retag"], m["origin"] = retags, pick(d, "", "rules", "person", "nobody")
	}
	if d.n(6) == 0 {
		m["attempts"], m["firstSeen"] = pick(d, 1, 12, -1, 1<<40), pick(d, "2026-11-01T08:00:00Z", "9999-12-31T23:30:00-01:00", "9999-12-31T23:59:59.999999999Z")
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
	mu      sync.Mutex
	videos  map[video.ID]video.Video
	objects map[string][]byte
}

func newStage() *stage {
	s := &stage{videos: map[video.ID]video.Video{}, objects: map[string][]byte{}}
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

func (s *stage) Read(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if body, ok := s.objects[key]; ok {
		return body, nil
	}
	return nil, video.ErrNotFound
}

func (s *stage) Create(_ context.Context, key string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[key]; ok {
		return state.ErrExists
	}
	s.objects[key] = body
	return nil
}

func (s *stage) List(_ context.Context, prefix, after string) iter.Seq2[string, error] {
	s.mu.Lock()
	keys := slices.Sorted(maps.Keys(s.objects))
	s.mu.Unlock()
	return func(yield func(string, error) bool) {
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) && key > after && !yield(key, nil) {
				return
			}
		}
	}
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

// The whole way of a batch: decode, fold, edit. Whatever the messages hold, the batch
// ends, nothing panics, every message has an end, and nothing is sent that cannot pass.
func FuzzEditor(f *testing.F) {
	f.Add([]byte{}, []byte(`{"v":1,"changes":[{"id":"v0","set":{"title":"x"},"ifUnmodifiedSince":"9999-12-31T23:30:00-01:00"}]}`))
	f.Add([]byte("vodcurator"), []byte(`[{"VideoId":"v0","Tags":"a,b"}]`))
	f.Add(bytes.Repeat([]byte{1, 2, 3, 5, 8, 13, 21}, 100), []byte(`{"v":1,"changes":[]}`))
	f.Add(bytes.Repeat([]byte{0xff, 7, 3}, 200), []byte(`[[[`))
	f.Fuzz(func(t *testing.T, choices, body []byte) {
		var panics bytes.Buffer
		log := slog.New(slog.NewTextHandler(&panics, &slog.HandlerOptions{Level: slog.LevelError}))
		s, q := newStage(), &ends{}
		editor, err := edit.New(edit.Config{Library: s, State: s, Log: log, Rules: edit.Rules{
			Read: func(context.Context) (*tagging.Rules, error) { return fuzzRules, nil }, Media: s.Media, Labels: s.Labels,
		}})
		require.NoError(t, err)
		h := handler{deliver.Job{Editor: editor, Out: q, Objects: s, Queue: "metadata", Dead: "dead", Log: log}}
		d := &dice{choices}
		for range 1 + d.n(2) {
			bodies := []string{string(body)}
			for range 1 + d.n(6) {
				bodies = append(bodies, string(d.message()))
			}
			got, err := h.handle(t.Context(), batch(t, bodies...))
			require.NoError(t, err)
			require.NotContains(t, panics.String(), "panic")
			a := got.(answer)
			sum := 0
			for _, n := range a.Outcomes {
				sum += n
			}
			require.Equal(t, len(bodies), a.Messages)
			require.GreaterOrEqual(t, sum, a.Changes+a.Retags)
			require.Zero(t, a.Outcomes[video.Unknown]+a.Outcomes[video.Deferred])
		}
	})
}
