package events_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/decide/editing"
	"vodcurator/shared/video"
)

// seed gives a fuzz target every sample, and some text that is none.
func seed(f *testing.F) {
	for _, pattern := range []string{"*.json", filepath.Join("triggers", "*.json")} {
		paths, err := filepath.Glob(filepath.Join("..", "testdata", "events", pattern))
		require.NoError(f, err)
		require.NotEmpty(f, paths)
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(raw)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}", "[7]", `"x"`, lesson, "\xff", `{"v":1,"ref":"messages/k"}`, `[{"VideoId":"a","CateId":"7"}]`, `{"v":1,"reason":"x","body":"AA=="}`,
		`{"v":1,"changes":[{"id":"a","set":{"title":"x"},"issuedAt":"9999-12-31T23:59:59-08:00"},{"id":"a","set":{"title":"y"}}],"firstSeen":"0001-01-01T00:00:00+01:00"}`,
		`{"v":1,"changes":[{"id":"a","set":{"title":"x"},"ifUnmodifiedSince":"9999-12-31T23:59:59-08:00"}]}`,
		`{"v":1,"changes":[{"id":"a","tags":{"add":[]}}]}`} {
		f.Add([]byte(text))
	}
}

// holds is the law of every decoder: it never panics, every error is
// ErrMalformed, and an error comes with the zero value.
func holds[T any](t *testing.T, decode func([]byte) (T, error), raw []byte) (T, bool) {
	t.Helper()
	before := string(raw)
	got, err := decode(raw)
	require.Equal(t, before, string(raw), "the input stays as it was")
	if err != nil {
		require.ErrorIs(t, err, events.ErrMalformed)
		require.Zero(t, got)
	}
	return got, err == nil
}

func FuzzDecodeHTTP(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, ok := holds(t, events.DecodeHTTP, raw); ok {
			require.LessOrEqual(t, len(r.Body), events.MaxBody)
			require.Error(t, events.Signer{URL: "u", Keys: []string{"k"}}.Verify(r, r.At))
		}
	})
}

func FuzzDecodeTick(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if tick, ok := holds(t, events.DecodeTick, raw); ok {
			require.False(t, tick.At.IsZero())
		}
	})
}

func FuzzDecodeTopic(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) { holds(t, events.DecodeTopic, raw) })
}

func FuzzDecodeBatch(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, ok := holds(t, events.DecodeBatch, raw)
		if events.Kind(raw) == events.TriggerBatch {
			require.True(t, ok, "what is called a batch can be read as one")
		}
	})
}

func FuzzDecodeNotice(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if n, ok := holds(t, events.DecodeNotice, raw); ok {
			require.NotEmpty(t, n.Kind)
			require.Equal(t, string(raw), string(n.Raw))
			require.NotContains(t, string(n.ID), ",")
		}
	})
}

func FuzzDecodeMetadata(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, ok := holds(t, events.DecodeMetadata, raw)
		if !ok {
			return
		}
		var good []video.Change
		for _, c := range m.Changes {
			if c.Check() == nil {
				_ = editing.StampOf(c)
				good = append(good, c)
			}
		}
		_, verdicts := editing.Fold(good, func(editing.Key) editing.Known { return editing.Known{} })
		require.Len(t, verdicts, len(good))
		body, err := events.EncodeMetadata(m)
		require.NoError(t, err)
		again, err := events.DecodeMetadata(body)
		require.NoError(t, err)
		body2, err := events.EncodeMetadata(again)
		require.NoError(t, err)
		require.Equal(t, string(body), string(body2), "what was written is read alike")
	})
}

func FuzzDecodeDeadLetter(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) { holds(t, events.DecodeDeadLetter, raw) })
}

// Decoding once says what the trigger and its own decoder say one after the other.
func FuzzDecode(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		want := events.Event{Trigger: events.Kind(raw)}
		var err error
		switch want.Trigger {
		case events.TriggerHTTP:
			want.Request, err = events.DecodeHTTP(raw)
		case events.TriggerTimer:
			want.Tick, err = events.DecodeTick(raw)
		case events.TriggerBatch:
			want.Messages, err = events.DecodeBatch(raw)
		default:
			var m events.Message
			if m, err = events.DecodeTopic(raw); err == nil {
				want.Messages = []events.Message{m}
			}
		}
		got, gotErr := events.Decode(raw)
		require.Equal(t, want, got)
		require.Equal(t, err, gotErr)
		if err != nil {
			require.ErrorIs(t, err, events.ErrMalformed)
		}
	})
}
