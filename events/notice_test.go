package events_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

// samples are the names of the notifications in testdata/events.
func samples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "events", "*.json"))
	require.NoError(t, err)
	require.Len(t, paths, 58)
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(path), ".json")
	}
	return names
}

func TestEverySampleDecodes(t *testing.T) {
	for _, name := range samples(t) {
		raw, err := os.ReadFile(filepath.Join("..", "testdata", "events", name+".json"))
		require.NoError(t, err)
		n, err := events.DecodeNotice(raw)
		require.NoError(t, err, name)
		require.Equal(t, strings.SplitN(name, ".", 2)[0], n.Kind, name)
		require.False(t, n.At.IsZero(), name)
		require.JSONEq(t, string(raw), string(n.Raw), name)
	}
}

func TestNoticeOfAnUnknownKindIsAcknowledged(t *testing.T) {
	n, err := events.DecodeNotice([]byte(`{"EventType":"HologramComplete","MediaId":"a1","MediaType":"image","Status":"Done","Extend":{"k":1}}`))
	require.NoError(t, err)
	require.Equal(t, "HologramComplete", n.Kind)
	require.Equal(t, events.StatusUnknown, n.Status)
	require.EqualValues(t, "image", n.MediaKind)
	require.Equal(t, `{"k":1}`, n.Extend)
	require.Nil(t, n.Detail)
	require.True(t, n.At.IsZero(), "the console's test message has no time")
}

func TestNoticeRefuses(t *testing.T) {
	for _, raw := range []string{
		"", "hello", "[]", "{", "null", "{}", `{"EventType":""}`, `{"EventType":null,"VideoId":"a"}`,
		`{"EventType":"FileUploadComplete","VideoId":"a,b"}`, `{"EventType":"FileUploadComplete","VideoId":"a\nb"}`,
		`{"EventType":"X","MediaId":"` + strings.Repeat("a", 65) + `"}`,
		`{"EventType":"X","VideoId":{"a":1}}`,
	} {
		n, err := events.DecodeNotice([]byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, n, raw)
	}
	_, err := events.DecodeNotice([]byte(strings.Repeat(" ", events.MaxBody+1)))
	require.ErrorIs(t, err, events.ErrTooLarge)
}
