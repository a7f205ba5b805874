"""The rooms joined: generators that yield small frozen events."""
