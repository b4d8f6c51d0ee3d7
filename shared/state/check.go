package state

import (
	"context"
	"strings"
	"time"
)

// Reader reads one object as its readers do, and gives the keys of others that it needs at
// a moment. What was not written so is ErrCorrupt, or ErrLater.
type Reader func(ctx context.Context, o Objects, key string, now time.Time) (needs []string, err error)

// Readers read the objects of this room, by prefix.
var Readers = map[string]Reader{LeasePrefix: func(ctx context.Context, o Objects, key string, now time.Time) ([]string, error) {
	if strings.HasSuffix(key, ".json") {
		return WholeRecord[Lease](ctx, o, key, now)
	}
	return nil, nil
}, VersionPrefix: func(ctx context.Context, o Objects, key string, _ time.Time) ([]string, error) {
	_, err := readVersion(ctx, o, key)
	return nil, err
}}

// WholeRecord is the Reader of a record.
func WholeRecord[T any](ctx context.Context, o Objects, key string, _ time.Time) ([]string, error) {
	_, err := ReadRecord(ctx, o, key, new(T))
	return nil, err
}
