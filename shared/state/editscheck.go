package state

import (
	"context"
	"strings"
	"time"
)

// EditReaders read the objects of this room as their readers do.
var EditReaders = map[string]Reader{EditPrefix: readEdits}

func readEdits(ctx context.Context, o Objects, key string, _ time.Time) ([]string, error) {
	body, err := o.Read(ctx, key)
	switch {
	case err != nil:
	case strings.HasPrefix(key, EditShardPrefix):
		_, err = decodeShard(key, body)
	case strings.HasPrefix(key, EditIndexPrefix):
		err = new(shardIndex).decode(key, body)
	default:
		_, err = decodeEntry(key, body)
	}
	return nil, err
}
