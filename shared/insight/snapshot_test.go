package insight

import (
	"context"
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
