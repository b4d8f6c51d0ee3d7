package boot

import (
	"context"
	"errors"

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
