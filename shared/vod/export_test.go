package vod

import "golang.org/x/time/rate"

// Unlimited takes the rate away, so that a benchmark measures the client alone.
func (c *Client) Unlimited() *Client {
	for _, b := range c.buckets {
		b.limiter.SetLimit(rate.Inf)
	}
	return c
}
