package console

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Areas are as the sizes, all lie in the frame, and no two overlap.
func TestATreeMapShowsWhatTheSizesAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Float64Range(0, 1e12), 0, 40).Draw(t, "sizes")
		in := box{rapid.Float64Range(0, 50).Draw(t, "x"), rapid.Float64Range(0, 50).Draw(t, "y"), rapid.Float64Range(1, 2000).Draw(t, "w"), rapid.Float64Range(1, 2000).Draw(t, "h")}
		boxes := squarify(sizes, in)
		require.Len(t, boxes, len(sizes))
		sum := 0.0
		for _, s := range sizes {
			sum += s
		}
		const near = 1e-6
		for i, b := range boxes {
			require.GreaterOrEqual(t, b.W, -near)
			require.GreaterOrEqual(t, b.H, -near)
			if sum > 0 {
				require.InDelta(t, sizes[i]/sum, b.W*b.H/(in.W*in.H), near, "area of %d", i)
			}
			if b.W*b.H <= near {
				continue
			}
			require.True(t, b.X >= in.X-near && b.Y >= in.Y-near && b.X+b.W <= in.X+in.W+near && b.Y+b.H <= in.Y+in.H+near, "%d lies outside: %+v", i, b)
			for j, o := range boxes[:i] {
				wide, high := min(b.X+b.W, o.X+o.W)-max(b.X, o.X), min(b.Y+b.H, o.Y+o.H)-max(b.Y, o.Y)
				require.False(t, wide > near && high > near && wide*high > near, "%d and %d overlap", i, j)
			}
		}
	})
}

func TestEqualSizesAreNearSquares(t *testing.T) {
	for _, b := range squarify([]float64{1, 1, 1, 1, 1, 1}, box{0, 0, 300, 200}) {
		require.LessOrEqual(t, max(b.W/b.H, b.H/b.W), 1.51)
	}
}
