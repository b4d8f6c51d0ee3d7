package deliver

const (
	MaxAttempts = maxAttempts
	FirstDelay  = firstDelay
	MaxDelay    = maxDelay
	PullBatch   = pullBatch
	PullMargin  = pullMargin
	BulkTakes   = bulkTakes
)
