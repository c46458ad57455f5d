"""The API as programs call it, typed: `paceline.client.api.ApiClient`."""
