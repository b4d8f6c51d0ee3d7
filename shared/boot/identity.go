package boot

import (
	"context"
	"errors"
	"net"
	"net/url"

	"vodcurator/shared/vod"
)

// Identity says whose credentials these are, as STS answers for the keys themselves: no
// setting has a say in it. Without any keys it is ErrNoCredentials.
func (c Config) Identity(ctx context.Context) (vod.Identity, error) {
	if _, _, _, err := c.Credentials(ctx); errors.Is(err, ErrNoCredentials) {
		return vod.Identity{}, err
	}
	endpoint := c.STSEndpoint
	if endpoint == "" && onThisMachine(c.VODEndpoint) {
		endpoint = c.VODEndpoint // the local cloud answers for STS at the same address
	}
	return vod.WhoAmI(ctx, endpoint, c.Credentials)
}

// onThisMachine says that a base URL is of a loopback address.
func onThisMachine(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
