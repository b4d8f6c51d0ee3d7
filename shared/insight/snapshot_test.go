package insight

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

// unread is a library that cannot read one of its assets.
type unread struct{ Snapshot }

func (u *unread) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers, err := u.Snapshot.Media(ctx, ids)
	for i, id := range ids {
		if id == "odd" {
			answers[i].Err = video.ErrInvalid
		}
	}
	return answers, err
}

func TestWhatASnapshotCannotReadIsLeftOutAndTold(t *testing.T) {
	u := &unread{Snapshot{media: []video.Media{{Video: video.Video{ID: "a"}}, {Video: video.Video{ID: "odd"}}}, tree: &[]video.Category{}, index: map[video.ID]int{"a": 0, "odd": 1}}}
	var left []video.ID
	r := Reader{Library: u, LeftOut: func(id video.ID, _ error) { left = append(left, id) }}
	var read []video.ID
	for l, err := range r.Lines(t.Context(), Scanned{}) {
		require.NoError(t, err)
		read = append(read, l.ID)
	}
	require.Equal(t, []video.ID{"odd"}, left)
	require.Equal(t, []video.ID{"a", ""}, read, "the last is the tree")
}

// endless gives one byte for ever, and ends a reader that believes it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > MaxLine+8<<20 {
		return 0, errors.New("read without a limit")
	}
	clear(p)
	return len(p), nil
}

func TestALineHasALimit(t *testing.T) {
	for _, first := range []string{"", `{"id":"a"}` + "\n"} {
		_, err := Scan(io.MultiReader(strings.NewReader(first), &endless{}))
		require.ErrorIs(t, err, video.ErrInvalid)
	}
}

func TestAFileThatNeverWasASnapshotIsNotACutOne(t *testing.T) {
	for _, text := range []string{"my notes", "# notes\n{}\n", `{"a":`, "\x00\x00", `{"snapshots":`} {
		s, err := Scan(strings.NewReader(text))
		require.ErrorIs(t, err, ErrNoSnapshot, text)
		require.NotContains(t, err.Error(), "--refresh")
		require.Zero(t, s.Size)
	}
	for _, text := range []string{"", "{", `{"snap`, `{"snapshot":{"begun":"20`} {
		s, err := Scan(strings.NewReader(text))
		require.NoError(t, err, text)
		require.Zero(t, s.Size)
	}
}

func TestACommandTakesNoTagForAFlag(t *testing.T) {
	require.Equal(t, "vodctl tags merge News 'two words' --into news", MergeCommand("news", "News", "two words"))
	require.Equal(t, "vodctl tags merge --into=--Yes -- --yes", MergeCommand("--Yes", "--yes"))
	require.Equal(t, `vodctl tags merge $'k\U0000200be\'ep' --into keep`, MergeCommand("keep", "k\u200be'ep"))
}
