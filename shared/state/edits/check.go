package edits

import (
	"context"
	"strings"
	"time"

	"vodcurator/shared/state"
)

// Readers read the objects of this room as their readers do.
var Readers = map[string]state.Reader{state.EditPrefix: readEdits}

func readEdits(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
	body, err := o.Read(ctx, key)
	switch {
	case err != nil:
	case strings.HasPrefix(key, state.EditShardPrefix):
		_, err = decodeShard(key, body)
	case strings.HasPrefix(key, state.EditIndexPrefix):
		err = new(shardIndex).decode(key, body)
	default:
		_, err = decodeEntry(key, body)
	}
	return nil, err
}
