"""Pictures of nuclei with the colour of their status."""

import cv2
import numpy as np

from napari_pathprune.workflows.compare.comparison_pictures import PICTURE_PX, draw_statuses


def test_outlines_have_the_colour_of_their_status_and_touching_nuclei_their_own():
    labels = np.zeros((50, 100), int)
    labels[10:40, 10:30], labels[10:40, 30:50], labels[10:40, 70:90] = 5, 6, 9
    status = np.where(labels == 9, 3, np.where(labels > 0, 1, 0))
    colours = {1: (0, 255, 0), 3: (255, 0, 0)}
    image = np.full((50, 100, 3), 128, np.uint8)
    picture = cv2.imdecode(np.frombuffer(draw_statuses(image, labels, status, colours), np.uint8), 1)[..., ::-1]
    assert picture.shape == (PICTURE_PX // 2, PICTURE_PX, 3)
    red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
    is_green, is_red = green > red + 100, red > green + 100
    at = (np.array([10, 30, 50, 70, 90]) * 5.4).astype(int)
    assert is_green[135, at[1] - 3 : at[1] + 4].any()  # between the two that touch
    assert not is_green[:, at[3] - 4 :].any()
    assert is_red[135, at[3] - 3 : at[3] + 4].any()
    assert not is_red[:, : at[2]].any()


def test_a_status_without_a_colour_is_not_drawn():
    labels = np.ones((20, 20), int)
    image = np.full((20, 20, 3), 200, np.uint8)
    picture = cv2.imdecode(np.frombuffer(draw_statuses(image, labels, 7 * labels, {1: (0, 0, 0)}), np.uint8), 1)
    assert (abs(picture.astype(int) - 200) < 5).all()
