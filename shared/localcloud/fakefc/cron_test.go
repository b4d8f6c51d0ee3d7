package fakefc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakefc"
)

func TestTimerExpressions(t *testing.T) {
	from := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) // a Sunday
	good := map[string]string{
		"0 0 4 * * *":                       "2026-11-23T04:00:00Z",
		"CRON_TZ=Asia/Shanghai 0 0 4 * * *": "2026-11-22T20:00:00Z",
		"@every 4m":                         "2026-11-22T10:04:00Z",
		"0 0 0 ? * 7":                       "2026-11-29T00:00:00Z",
		"0 0 0 ? * SUN":                     "2026-11-29T00:00:00Z",
		"0 0 12 ? * 6-7":                    "2026-11-22T12:00:00Z",
		"0 0 12 ? * MON-FRI":                "2026-11-23T12:00:00Z",
		"0 */5 * 1 JAN ?":                   "2027-01-01T00:00:00Z",
	}
	for expr, want := range good {
		s, err := fakefc.ParseSchedule(expr)
		require.NoError(t, err, expr)
		require.Equal(t, want, s.Next(from).UTC().Format(time.RFC3339), expr)
	}
	for _, expr := range []string{
		"", "* * * * *", "* * * * * *", "0 0 4 * * * 2026", "@daily", "@every 0s", "@every -1h", "@every 30s", "@every 1ms", "@every x",
		"CRON_TZ=", "CRON_TZ=UTC", "CRON_TZ= 0 0 4 * * *", "CRON_TZ=Mars/Base 0 0 4 * * *", "CRON_TZ=Local 0 0 4 * * *", "TZ=UTC 0 0 4 * * *", "TZ=UTC",
		"0 0 0 30 2 *", "0 0 0 L * *", "0 0 0 15W * *", "0 0 0 ? * 6#3", "0 0 0 ? * 0", "0 60 * * * *", "0 0 24 * * *", "0 0 0 ? * 8",
	} {
		_, err := fakefc.ParseSchedule(expr)
		require.Error(t, err, expr)
	}
}
