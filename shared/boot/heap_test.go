package boot

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheHeapStaysBelowTheFunctionsMemory(t *testing.T) {
	limit := func(memory, own string) int64 {
		return heapLimit(func(name string) string {
			return map[string]string{"FC_FUNCTION_MEMORY_SIZE": memory, "GOMEMLIMIT": own}[name]
		})
	}
	require.EqualValues(t, 512<<20/5*4, limit("512", ""))
	for _, memory := range []string{"", "0", "-1", "512 MB", "99999999999"} {
		require.Zero(t, limit(memory, ""), memory)
	}
	require.Zero(t, limit("512", "300MiB"), "who runs it has said so")
}
