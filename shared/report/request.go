package report

import "context"

// RequestID is what WithRequest put into the context, empty without it.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
